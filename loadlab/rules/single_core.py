"""One process uses up its one core

What: the thread that serves has no time left, nearly all of it on CPU, and it gets its core; other cores have time.
Why: an event loop, or any single thread, cannot use a second core. Requests queue in front of it.
Fix: if one line takes over a third of the CPU, make that line cheaper first. Then run one worker per core (uvicorn
--workers, gunicorn -w, node:cluster, PM2 -i max): throughput grows with cores until the next limit. Native code that
lets go of Python's interpreter (bcrypt, zlib) can go into threads.
Not: gil_contention: there several threads want the core; all_cores: there none is idle; cpu_quota: there the kernel
stops the group; event_loop_blocked: there the full loop uses little CPU.
Python: uvicorn --workers N or gunicorn -w N; ProcessPoolExecutor for single heavy calls; orjson, caching and
vectorised code for the hot line.
Node: node:cluster or PM2 -i max; UV_THREADPOOL_SIZE for asynchronous crypto and zlib; worker_threads for single heavy
calls; cheaper JSON and templates for the hot line.
"""

from __future__ import annotations

from loadlab.rules import (
    Clear,
    Evidence,
    Fault,
    Found,
    Verdict,
    _pipes,
    at,
    blame,
    percent,
    takes,
)
from loadlab.rules._core_step import step
from loadlab.rules._cpu import pool_of_one, wants_one
from loadlab.rules._first import hands_on, is_worker, others_read
from loadlab.rules._growing import if_it_grows
from loadlab.signals import Signals
from loadlab.signals.stations import FULL, ON_CPU, Station

BRANCH = "cpu"
STEP = "cluster"
RANK = 60
AT_LIMIT = True
ELASTIC = True
LIFTS = ("core", "loop", "workers")
NEEDS = ("stations", "cpu", "host")
USES = ("hot", "threads", "workers", "languages", "growing", "pipes", "background")

IDLE_CORES = 0.5
"""Cores that must be idle before several full processes count as "one core each" rather than as all cores used."""


def check(s: Signals) -> Verdict:
    """Each service whose busiest process is full of CPU work in one thread."""
    balancers = {each.name for each in s.meta.services if each.role == "balancer"}  # balancer_cpu is about those
    apart = balancers | s.background  # what works for itself limits no request
    found = [fault for name in s.stations.services if name not in apart for fault in _service(s, name)]
    return Found(tuple(sorted(found, key=lambda each: -each.strength))) if found else Clear("no thread used up a core")


def _service(s: Signals, name: str) -> list[Fault]:
    stations = s.stations.of(name)
    full = [each for each in stations if _one_core(s, each) and _alone(each)]
    if not full:
        return [fault for each in stations for fault in pool_of_one(s, each)]
    if len(full) > 1 and s.host.idle < IDLE_CORES:
        return []  # all_cores, whatever else the service has that idles, as the primary of a cluster does
    spare = [each for each in stations if each not in full and each not in _pipes.writers(s, name)]
    if any(each.full for each in spare):
        return []
    return [if_it_grows(s, _fault(s, name, full))]


def _one_core(s: Signals, station: Station) -> bool:
    return (
        station.on_one_core
        or wants_one(s, station)
        or bool(_pipes.writers(s, station.entity.service) and _pipes.reads(s, station))
    )


def _alone(station: Station) -> bool:
    """No second thread of the process does a quarter core of work: that would be several threads sharing one."""
    return station.process.cores - station.thread_cores < 0.25


def _fault(s: Signals, name: str, full: list[Station]) -> Fault:
    top = max(full, key=lambda each: each.thread_cores)
    unread = _unread(s, top) or others_read(s, name, full)
    hot = s.hot if len(full) > 1 else s.hot.within(name, top.entity.pid)
    where = None if unread else blame(hot.running(name))
    outside = None if unread else hot.outside(name)
    cores = top.thread_cores
    evidence = [
        Evidence("thread_cores", cores, f"its busiest thread used {percent(cores)} of one core", ON_CPU),
        Evidence("loop_busy", top.busy, f"it had no time left: busy {percent(top.busy)} of the time", FULL),
        Evidence("idle_cores", s.host.idle, f"{s.host.idle:.1f} of {s.host.cores} cores were idle"),
    ]
    if not top.on_one_core and top.thread is not None:
        stood = top.thread.blocked
        says = f"it waited {percent(top.run_delay)} of the time for one, and stood in calls {percent(stood)}"
        evidence.append(Evidence("blocked", stood, says))
    if where is not None and where.share is not None:
        evidence.append(Evidence("hot_share", where.share, f"{percent(where.share)} of its CPU was{at(where)}"))
    evidence += _pipes.stood(s, name)
    if unread:
        evidence.append(Evidence("unread", cores, unread))
    if hands_on(s, top):
        evidence.append(Evidence("first", cores, f"it is process {top.entity.pid}, which made the others"))
    each = "" if len(full) == 1 else f": each of its {len(full)} processes"
    room = s.host.cores - s.cpu.generator_cores - s.cpu.observer_cores - s.host.others
    rest = sum(other.cores for other in s.cpu.services.values() if other.name != name)
    # Utilisation law: the other services' demand grows with throughput, so they share the room in today's proportion.
    gain = max(1.0, room / (s.cpu.services[name].cores + rest)) if s.cpu.services[name].cores else None
    return Fault(
        name,
        f"{name} is limited by one CPU core{each}{takes(where, outside)}",
        tuple(evidence),
        step(s, top, where),
        instance=top.entity.instance,
        pid=top.entity.pid,
        where=where,
        strength=min(1.0, cores),
        signals=2 if top.thread is not None and top.thread.serves else 1,
        gain=round(gain, 2) if gain else None,
    )


def _unread(s: Signals, top: Station) -> str:
    return "it is one of worker_threads: only the first thread's lines are read" if is_worker(s, top) else ""
