"""Garbage collection takes the CPU

What: much of the time of the thread that serves, or of all of a Java program's, is the garbage collector's: it stops
the program while it looks for what is still used, and moves what is.
Why: what a collection costs grows with what is alive, not with what is garbage. Many small objects that live for a
while are looked at, copied and moved on again and again; every request that comes meanwhile waits.
Fix: fewer objects: numbers in arrays instead of an object each, what is kept for long in a cache outside, streams
instead of whole lists; or more room for young objects, so that most are dead before anybody looks.
Not: single_core: there the code itself takes the time; memory_leak: there ever more is alive, and collections grow with
it.
Python: gc.freeze() after start-up, gc.set_threshold(50_000, 20, 20) for a large heap, __slots__, arrays. loadlab cannot
tell it there: from outside a collection looks like the line that allocates; gc.callbacks tell it from within.
Node: typed arrays; --max-semi-space-size=64 gives young objects more room; --trace-gc prints each collection.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, at, blame, percent
from loadlab.rules._first import is_worker
from loadlab.rules._words import OBJECTS, named
from loadlab.signals import Signals
from loadlab.signals.collecting import Collecting
from loadlab.signals.stations import ON_CPU

BRANCH = "memory"
STEP = "fewer_objects"
RANK = 47
AT_LIMIT = True
ELASTIC = True
COVERS = ("single_core",)
NEEDS = ("collecting", "stations", "latency")
USES = ("languages", "hot")

SHARE = 1 / 6
"""Share of a full thread's CPU that is the collector's: without it throughput would be a fifth more, from where on a
fault counts as one that binds (scoreboard/binding.py). Programs that make objects for each request and drop them, which
V8 is made for, take a tenth of that: 1 to 2% in every arrangement of the shop in Node."""

HELPERS = 0.05
"""Cores of the other threads, from which on they are worth a line: V8 collects with threads of its own as well."""


def check(s: Signals) -> Verdict:
    """Every service with a full thread whose profiler tells collections apart; every one that stands while it
    collects."""
    # Full of computing, or of waiting for a core to compute on.
    full = {
        each.entity.service
        for each in s.stations.all
        if each.full and each.thread_cores + each.run_delay >= ON_CPU and not is_worker(s, each)
    }
    mine = [each for each in s.collecting if each.stops or each.service in full]
    found = [_fault(s, each, each.share) for each in mine if each.share is not None and each.share >= SHARE]
    if found:
        return Found(tuple(found))
    blind = [each.service for each in mine if each.share is None]
    if blind:
        return Unknown(f"Python does not say from outside when it collects; {', '.join(blind)} may, within its lines")
    return Clear("no full thread spends much of its time collecting garbage")


def _fault(s: Signals, each: Collecting, share: float) -> Fault:
    where = blame(each.line)
    says, of = f"{percent(share)} of its CPU time was the garbage collector's", "CPU"
    if each.stops:
        says, of = f"for {percent(share)} of the time all of its threads stood still for the garbage collector", "time"
    evidence = [Evidence("gc_share", share, says, SHARE)]
    helpers = sum(one.process.cores - one.thread_cores for one in s.stations.of(each.service))
    if helpers >= HELPERS:
        says = f"threads beside it, the collector's helpers among them, used another {helpers:.2f} cores"
        evidence.append(Evidence("helpers_cores", helpers, says))
    if (took := s.latency.quantiles) is not None:
        says = f"half of the requests took {took.p50_ms:.1f} ms, one in a hundred {took.p99_ms:.1f} ms or longer"
        evidence.append(Evidence("p99_ms", took.p99_ms, says))
    if where is not None and where.share is not None:
        evidence.append(
            Evidence("allocating", where.share, f"{percent(where.share)} of the collections began{at(where)}")
        )
    return Fault(
        each.service,
        f"{each.service} spends {percent(share)} of its {of} on collecting garbage{at(where)}",
        tuple(evidence),
        f"Keep fewer objects{named(s, each.service, OBJECTS)}: a cache outside of the process, streams.",
        where=where,
        strength=min(1.0, 2 * share),
        signals=1,
        gain=round(1 / (1 - share), 1),
    )
