"""The balancer uses up its core

What: a thread of the balancer has no time left, nearly all of it on CPU, while the servers behind it and other cores
do.
Why: terminating TLS, compressing, rewriting and logging cost CPU in the balancer, and every request passes through it.
Fix: more of its threads or workers (nbthread, worker_processes); keep connections on both sides; compress and
terminate TLS elsewhere, or cheaper (a lower level, ECDSA certificates, session tickets).
Not: single_core of a service: the balancer has time then.
Python: nothing in the application, unless it compresses already: then not twice.
Node: nothing in the application, unless it compresses already: then not twice.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.stations import FULL, ON_CPU

BRANCH = "cpu"
STEP = "more_balancer_threads"
RANK = 57
AT_LIMIT = True
ELASTIC = True
LIFTS = ("core",)
NEEDS = ("stations", "cpu")
USES = ()


def check(s: Signals) -> Verdict:
    """Every balancer all of whose threads are full, in front of servers none of which is."""
    found = [fault for each in s.meta.services if each.role == "balancer" for fault in _balancer(s, each.name)]
    return Found(tuple(found)) if found else Clear("no balancer was short of CPU")


def _balancer(s: Signals, name: str) -> list[Fault]:
    mine = s.stations.of(name)
    full = [each for each in mine if each.on_one_core]
    others = [each for each in s.stations.all if each.entity.service != name and each.full]
    if not full or len(full) < len(mine) or others:
        return []
    top = max(full, key=lambda each: each.thread_cores)
    system = s.cpu.services[name].system / max(1e-9, s.cpu.services[name].cores)
    behind = max((each.busy for each in s.stations.all if each.entity.service != name), default=0.0)
    evidence = (
        Evidence("thread_cores", top.thread_cores, f"its thread used {percent(top.thread_cores)} of one core", ON_CPU),
        Evidence("loop_busy", top.busy, f"it had no time left: busy {percent(top.busy)} of the time", FULL),
        Evidence("behind", behind, f"what stands behind it was busy {percent(behind)} of the time at most", FULL),
        Evidence("system", system, f"{percent(system)} of its CPU time was spent in the kernel"),
    )
    return [
        Fault(
            name,
            f"{name}, the balancer, is limited by one CPU core while the servers behind it have time left",
            evidence,
            "Give it more threads or workers; take TLS, compression or logging off it.",
            instance=top.entity.instance,
            pid=top.entity.pid,
            strength=min(1.0, top.thread_cores),
            signals=2,
        )
    ]
