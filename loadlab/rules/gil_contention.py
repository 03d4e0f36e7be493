"""Threads share one core through the interpreter lock

What: several threads of one Python process want to compute; together they get about one core, and wait for each other.
Why: only the thread that holds the global interpreter lock runs Python code. More threads add switching, not
throughput.
Fix: processes instead of threads (gunicorn -w, ProcessPoolExecutor), native code that releases the lock, or a
free-threaded build.
Not: single_core: there one thread does the work; native code that releases the lock: there the process uses more than
one core.
Python: gunicorn -w N instead of --threads; ProcessPoolExecutor; a free-threaded build where all extensions allow it.
Node: it has no such lock; its one JavaScript thread shows as single_core.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, blame, cheaper_first, takes
from loadlab.rules._line import HELD
from loadlab.rules._words import PROCESSES, named
from loadlab.signals import Signals
from loadlab.signals.stations import Station
from loadlab.signals.threads import ThreadState

BRANCH = "cpu"
STEP = "processes"
RANK = 45
AT_LIMIT = True
ELASTIC = True
COVERS = ("worker_pool_exhausted",)  # who waits for the interpreter waits for nobody else
LIFTS = ("core",)
NEEDS = ("stations", "threads", "host")
USES = ("hot", "workers", "languages")

ONE_CORE = (0.75, 1.35)
"""Cores of the whole process. Threads that compute in Python reach one together; a little more where calls release the
lock, a little less where the run queue takes its part. Past 1.35, a third of the work runs beside the lock."""

LARGEST = 0.80
"""Share of the process's CPU that its busiest thread may have: above, it is one thread's core, not a shared one."""

WANTS = 0.04
"""Share of the process's CPU from which on a thread counts as one that computes: a pool of 20 has 5% each. Or, of more
of them, ALIKE of what the busiest has: of 28 that took turns at one lock, each had 3 to 4%."""

ALIKE = 0.5
"""Of the busiest thread's CPU: what equal threads of a pool come to, each."""

WAITS = 0.30
"""Sum of the computing threads' time stopped in a futex: at least this much waiting for each other."""

IDLE_CORES = 0.3
"""Cores that must be idle: else they wait for the processor, not for the lock."""


def check(s: Signals) -> Verdict:
    """Python's processes only, as the stacks tell; and Ruby's, which has such a lock and no stacks."""
    suspects = [each for each in s.stations.all if _one_core(each) and len(_computing(s, each)) >= 2]
    if not suspects or s.host.idle < IDLE_CORES:
        return Clear("no process has several threads that compute on one core")
    for station in suspects:
        if s.workers.native & {station.entity.service}:
            continue
        computing = _computing(s, station)
        waits = sum(each.share["futex"] for each in computing)
        if station.unread_lock and waits >= WAITS:
            return Found((_fault(s, station, computing, waits),))
        profile = s.hot.services.get(station.entity.service)
        if profile is None:
            return Unknown(
                f"{station.entity.service} has several threads on one core, but its stacks could not be read"
            )
        held = s.hot.held.get(station.entity.pid, 1.0)
        if profile.interpreter and profile.threads_on_cpu >= 2 and waits >= WAITS and held > HELD:
            return Found((_fault(s, station, computing, waits),))
    return Clear("the threads that share a core do not wait for each other")


def _one_core(station: Station) -> bool:
    return ONE_CORE[0] <= station.process.cores <= ONE_CORE[1]


def _computing(s: Signals, station: Station) -> list[ThreadState]:
    cores = station.process.cores
    threads = s.threads.of(station.entity.service, station.entity.pid)
    least = min(WANTS * cores, ALIKE * max((each.cores for each in threads), default=0.0))
    mine = [each for each in threads if each.cores >= least > 0]
    return [] if any(each.cores > LARGEST * cores for each in mine) else mine


def _fault(s: Signals, station: Station, computing: list[ThreadState], waits: float) -> Fault:
    name = station.entity.service
    where = blame(s.hot.hottest(name))
    cores, language = station.process.cores, station.unread_lock or "Python"
    return Fault(
        name,
        f"{len(computing)} threads of {name} share one core through {language}'s interpreter lock{takes(where)}",
        (
            Evidence(
                "process_cores",
                cores,
                f"the process used {cores:.2f} cores with {len(computing)} threads computing",
                ONE_CORE[1],
            ),
            *_waited(s, station, waits),
            Evidence(
                "switches", station.process.switches, f"{station.process.switches:.0f} context switches each second"
            ),
            Evidence("idle_cores", s.host.idle, f"{s.host.idle:.1f} of {s.host.cores} cores were idle", IDLE_CORES),
        ),
        cheaper_first(where, f"Use processes instead of threads{named(s, name, PROCESSES)}."),
        instance=station.entity.instance,
        pid=station.entity.pid,
        where=where,
        strength=min(1.0, cores),
        signals=2,
        gain=round(max(1.0, (cores + s.host.idle) / cores), 2),
    )


def _waited(s: Signals, station: Station, waits: float) -> list[Evidence]:
    """Where more threads sleep than requests are there, most of them sleep for want of work: their sleep tells of the
    lock only as far as there are requests."""
    inside = next((each.inside for each in s.workers.all if each.entity == station.entity), waits)
    waits = min(waits, max(inside - 1.0, WAITS))
    return [Evidence("futex", waits, f"they waited for each other {waits:.1f} s each second", WAITS)]
