"""Where CPU is what limits a service: part of the rules that say what it goes into."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, blame, percent, takes
from loadlab.rules._line import ONE
from loadlab.rules._words import POOL, named
from loadlab.signals import Signals
from loadlab.signals.cpu import ProcessCpu
from loadlab.signals.stations import FULL, ON_CPU, STARVED, Station
from loadlab.signals.threads import ThreadState

IDLE = 0.15
"""Share of the cores that may be idle on a full machine, as in all_cores."""

INSIDE = 3.0
"""Requests in a process that serves one at a time, from which on others always wait."""

LARGEST = 0.5
"""Share of the services' CPU from which on a full machine is full because of this one."""


HUNGRY = 0.3
"""Cores that a process has or waits for, from which on it competes for them."""

CONNECTION_S = 0.0001
"""Kernel time of opening, accepting and closing a connection, both ends: 50 microseconds measured on loopback within
one process, twice that where two take turns."""


def bound(s: Signals, name: str) -> str:
    """In words: why the service has no more CPU to use; "" where it has."""
    full = [each for each in s.stations.of(name) if each.full and each.process.cores >= ON_CPU]
    if full:
        return "its busiest process had no time left"
    service = s.cpu.services.get(name)
    if service is not None and s.host.idle_share < IDLE and service.cores >= LARGEST * s.cpu.system_cores:
        return f"all {s.host.cores} cores were in use, most of them by it"
    return ""


def wants_one(s: Signals, station: Station) -> bool:
    """Whether a full thread computes or is about to for most of its time, on a machine that is not full: a little less
    than a core, as it is stopped now and then in a call (a file's), for less time than event_loop_blocked asks for."""
    wants = station.thread_cores + station.run_delay >= ON_CPU and station.run_delay < STARVED
    return station.full and wants and s.host.idle_share >= IDLE


def pool_of_one(s: Signals, station: Station) -> list[Fault]:
    """A thread that takes no requests, but gets work from those that do, and computes without a pause. It was seen to
    wait for work, or as many requests are served as by one; else it may compute for reasons of its own."""
    threads = s.threads.of(station.entity.service, station.entity.pid)
    top = max(threads, key=lambda each: each.cores, default=None)
    if top is None or top.serves or top.run_delay >= STARVED:
        return []
    if not top.handed and (s.workers.at_once is None or s.workers.at_once > ONE):
        return []
    back = _back(s, station, top)
    if top.cores + top.run_delay + back < FULL or station.process.cores - top.cores >= 0.25:
        return []
    name = station.entity.service
    # Of the lines on CPU they are this thread's only where the profiler reads all threads.
    where = blame(s.hot.running(name)) if s.hot.held.get(station.entity.pid, 0.0) >= ON_CPU else None
    loop = s.threads.polling(name, station.entity.pid)
    evidence = [
        Evidence("thread_cores", top.cores, f"one thread of a pool used {percent(top.cores)} of one core", FULL),
        Evidence("idle_cores", s.host.idle, f"{s.host.idle:.1f} of {s.host.cores} cores were idle"),
    ]
    if top.cores + top.run_delay < FULL:
        says = f"{percent(back)} of its time it waited for the interpreter, after calls that let go of it"
        evidence.append(Evidence("interpreter", back, says))
    if loop is not None:
        evidence.append(Evidence("loop_busy", loop, f"who takes requests had time left: busy {percent(loop)}"))
    return [
        Fault(
            name,
            f"{name} is limited by one CPU core, which one thread of a pool uses up{takes(where)}",
            tuple(evidence),
            f"Let more threads of the pool compute{'' if back else named(s, name, POOL)}, or run one worker per core.",
            instance=station.entity.instance,
            pid=station.entity.pid,
            where=where,
            strength=min(1.0, top.cores),
            signals=2 if loop is not None and loop < FULL else 1,
        )
    ]


def _back(s: Signals, station: Station, top: ThreadState) -> float:
    """Its time in a futex, where that is on its way back into the interpreter after native code, and not for work:
    others wait for it, one is served at a time, and on CPU it is most of the time."""
    served = s.workers.at_once
    inside = sum(each.inside for each in s.workers.of(station.entity.service) if each.entity == station.entity)
    if s.languages.get(station.entity.service) != "Python" or served is None or served > ONE or inside < INSIDE:
        return 0.0
    return top.share["futex"] if top.cores + top.run_delay >= ON_CPU else 0.0


def wanting(s: Signals, name: str) -> int:
    """How many threads of a service want a core at a time: one a process; more where its language has no lock that
    lets one of them run (Go's, Java's, Rust's)."""
    free = name in s.workers.native or s.languages.get(name) == "Java"
    threads = [each for each in s.threads.of(name) if free and each.cores + each.run_delay >= HUNGRY]
    return max(len(hungry(s, name)), len(threads))


def hungry(s: Signals, name: str) -> list[ProcessCpu]:
    """Processes that compete for cores."""
    return [each for each in s.cpu.services[name].processes if each.cores + each.run_delay >= HUNGRY]
