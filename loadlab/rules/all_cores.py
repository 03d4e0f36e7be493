"""All cores are used

What: the service's processes together use every core that is left for them, and wait for more.
Why: there is no more CPU on this machine. More workers only take turns.
Fix: make the hot line cheaper; then a bigger machine, or more machines behind a load balancer.
Not: single_core: there other cores are idle; cpu_neighbour: there strangers have them; generator_saturated: there the
load itself has them.
Python: profile the hot line first, cache its result; no more workers than cores; then more machines.
Node: profile the hot line first, cache its result; one cluster worker a core; then more machines.
"""

from __future__ import annotations

from loadlab.rules import SMALL, Clear, Evidence, Fault, Found, Verdict, Where, at, blame, listed, percent, takes
from loadlab.rules._cpu import HUNGRY, hungry, wanting
from loadlab.rules._growing import if_it_grows
from loadlab.signals import Signals

BRANCH = "cpu"
STEP = "horizontal"
RANK = 58
AT_LIMIT = True
ELASTIC = True
LIFTS = ("cores", "core", "loop", "workers")
NEEDS = ("stations", "cpu", "host")
USES = ("hot", "growing", "threads", "workers", "languages")

IDLE = 0.15
"""Share of all cores that may be idle: schedulers leave a few per cent, and a core is seen idle between two
requests."""

OF_ROOM = 0.70
"""Share of the cores left by loadlab and strangers that the user's services use together."""

LARGEST = 0.5
"""Share of the services' CPU that the one to blame must have."""

ONE_INTERPRETER = 1.25
"""Cores of one process from which on native code that lets go of the interpreter takes a good part of them: Python's
own code, behind its lock, uses one."""

WAITING = 0.10
"""Run delay in seconds per second over the service's processes: the queue in front of the cores."""


def check(s: Signals) -> Verdict:
    """The host is full, services fill it, and this service has most of that in more than one thread."""
    room = s.host.cores - s.cpu.generator_cores - s.cpu.observer_cores - s.host.others
    used = s.cpu.system_cores
    if s.host.idle_share > IDLE or room <= 0 or used < OF_ROOM * room:
        return Clear(f"{percent(s.host.idle_share)} of the cores were idle")
    found = [if_it_grows(s, _fault(s, name, room)) for name in s.stations.services if _fills(s, name, used)]
    if not found and (shared := _shared(s)):
        found = [if_it_grows(s, _fault(s, shared[0], room, shared[1:]))]
    return Found(tuple(found)) if found else Clear("no service has more than one thread that wants a core")


def _fills(s: Signals, name: str, used: float) -> bool:
    service = s.cpu.services[name]
    several = wanting(s, name) >= 2 or service.cores >= 1.3 or s.host.cores == 1
    return several and service.cores >= LARGEST * used


def _shared(s: Signals) -> tuple[str, ...]:
    """Services that fill the cores together, the largest first; () where one of them has a core to itself, which
    limits it whoever has the others, where they do not wait for each other, or where a stranger competes as well."""
    names = [name for name in s.stations.services if hungry(s, name)]
    waiting = sum(s.cpu.services[name].run_delay for name in names)
    apart = s.host.others >= HUNGRY or any(each.on_one_core for each in s.stations.all)
    if len(names) < 2 or waiting < WAITING * len(names) or apart:
        return ()
    return tuple(sorted(names, key=lambda name: (-s.cpu.services[name].cores, name)))


def _cheaper(s: Signals, name: str, where: Where | None) -> str:
    if any(each.name == name and each.role == "database" for each in s.meta.services):
        return "Find the statements that cost most (its log of slow ones), and make these cheaper"
    if where is None or (where.share or 0.0) < SMALL:
        return "Find what costs most with a profiler of its language, and make that cheaper"
    return f"Make {where.function}() cheaper"


def _fault(s: Signals, name: str, room: float, others: tuple[str, ...] = ()) -> Fault:
    service = s.cpu.services[name]
    wide = any(each.cores > ONE_INTERPRETER for each in service.processes)
    where = blame(s.hot.native(name) if wide else s.hot.hottest(name))
    processes = len(service.busy)
    evidence = [
        Evidence(
            "service_cores",
            service.cores,
            f"{name} used {service.cores:.2f} cores in {processes} {'process' if processes == 1 else 'processes'}; "
            f"{room:.2f} were to be had",
        ),
        Evidence("idle_share", s.host.idle_share, f"{percent(s.host.idle_share)} of the machine was idle", IDLE),
        Evidence(
            "run_delay",
            service.run_delay,
            f"its threads were ready but not running for {service.run_delay:.2f} s each second",
            WAITING,
        ),
        Evidence(
            "generator_cores",
            s.cpu.generator_cores,
            f"the load generator itself took {s.cpu.generator_cores:.2f} of {s.host.cores} cores",
        ),
    ]
    if where is not None and where.share is not None:
        evidence.append(Evidence("hot_share", where.share, f"{percent(where.share)} of its CPU was{at(where)}"))
    for each in others:
        cores = s.cpu.services[each].cores
        evidence.insert(1, Evidence("other_cores", cores, f"{each} used {cores:.2f} cores beside it"))
    beside = f" together with {listed(others)}" if others else ""
    return Fault(
        name,
        f"{name}{beside} uses all {s.host.cores} CPU cores{takes(where, None if wide else s.hot.outside(name))}",
        tuple(evidence),
        f"{_cheaper(s, name, where)}, then a bigger machine or more machines behind a load balancer.",
        where=where,
        along=others,
        strength=min(1.0, service.cores / room),
        signals=1 + (service.run_delay >= WAITING),
        gain=2.0,  # a second machine like this one: capacity is in proportion to cores
    )
