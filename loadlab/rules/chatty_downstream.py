"""Many calls to another service for each request

What: the application asks another service many times for each request, mostly one after the other, and each time the
answer is quick: their number is what takes the time, or the CPU.
Why: each call is a way there and back, a request to write and an answer to parse, on both sides. Their number grows
with what is shown, and making a call faster changes little.
Fix: ask once for all of them (an endpoint that takes a list), keep what seldom changes, or at least ask at once
(asyncio.gather); where both services are yours and never work apart, make them one.
Not: n_plus_one: there the many calls are statements to a database; slow_downstream: there each call takes long.
Python: an endpoint that takes a list; asyncio.gather over one httpx.AsyncClient; functools.lru_cache or a cache with a
time to live for what seldom changes.
Node: an endpoint that takes a list; Promise.all over one agent with keepAlive; DataLoader gathers what one tick asks
for.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.signals import Signals
from loadlab.signals.calls import Calls

BRANCH = "network"
STEP = "batch"
RANK = 45
AT_LIMIT = True
ELASTIC = False
NEEDS = ("calls", "cpu", "latency")
USES = ("stations", "host", "hot")

MANY = 5.0
"""Calls for each request, as of statements in n_plus_one: two or three are asked in many good handlers; from five on,
most ask for each part of something."""

SLOW_MS = 50.0
"""Mean time of one call, queueing included: what takes longer is slow by itself, and slow_downstream's."""

WAITING = 0.5
"""Share of a caller's requests that wait for such a call: past half, the calls have most of the time."""

AT_ONCE = 1.5
"""Calls under way for each request inside: above, they are asked at once, and their number is no chain of waits."""

CPU_MS = 0.5
"""CPU time of the caller for each question and answer it handles. A call costs a Python client 0.05 to 0.5 ms; where
more is used, something else than calling takes the CPU."""

KERNEL = 0.15
"""Share of the caller's CPU in the kernel: each call sends, receives and waits for events, which are system calls;
code that computes makes next to none."""

IDLE = 0.15
"""Share of the cores idle, as in all_cores: below, CPU is what everybody waits for."""


def check(s: Signals) -> Verdict:
    """Each pair of services, a database's apart: n_plus_one knows its statements."""
    databases = {each.name for each in s.meta.services if each.unit == "postgres"}
    many = [each for each in s.calls if each.per_request >= MANY and each.to not in databases]
    if not many:
        return Clear("no service is asked many times for each request")
    found = [fault for each in many for fault in _fault(s, each)]
    return (
        Found(tuple(found)) if found else Clear("the calls are many, and neither time nor CPU goes into their number")
    )


def _fault(s: Signals, calls: Calls) -> list[Fault]:
    if calls.ms > SLOW_MS or calls.at_once > AT_ONCE or calls.polls:
        return []  # who polls asks so often because of others that wait, and one question for all would change nothing
    waits = calls.at_once >= WAITING
    cpu_ms = _cpu_ms(s, calls)
    works = cpu_ms is not None and cpu_ms <= CPU_MS and _kernel(s, calls) >= KERNEL and _no_cpu_left(s, calls)
    if not waits and not works:
        return []
    where = blame(s.hot.standing(calls.source) or s.hot.hottest(calls.source))
    evidence = [
        Evidence(
            "calls_per_request",
            calls.per_request,
            f"{calls.per_request:.0f} calls from {calls.source} to {calls.to} for each request, "
            f"{calls.per_s:,.0f} a second",
            MANY,
        ),
        Evidence("call_ms", calls.ms, f"one took {calls.ms:.1f} ms, its waiting included", SLOW_MS),
        Evidence("at_once", calls.at_once, f"{calls.at_once:.2f} of them were under way for each request", AT_ONCE),
    ]
    if waits:
        share = min(1.0, calls.at_once)
        evidence.append(
            Evidence("waiting", share, f"a request spends {percent(share)} of its time in these calls", WAITING)
        )
    if works and cpu_ms is not None:
        says = f"{calls.source} uses {cpu_ms:.2f} ms of CPU for each question and answer: calling is what it does"
        evidence.append(Evidence("cpu_ms", cpu_ms, says, CPU_MS))
    return [
        Fault(
            calls.source,
            f"{calls.source} asks {calls.to} {calls.per_request:.0f} times for each request, one after the other"
            f"{at(where)}",
            tuple(evidence),
            f"Ask {calls.to} once for all of them ({_once(s, calls.to)}), or keep its answers.",
            where=where,
            strength=min(1.0, calls.per_request / 20),
            signals=2,
        )
    ]


def _once(s: Signals, name: str) -> str:
    """How many questions are one there. A pipeline sends all before it waits for the first answer."""
    store = any(each.name == name and each.role == "cache" for each in s.meta.services)
    return "MGET, get_multi, or a pipeline" if store else "an endpoint that takes a list"


def _cpu_ms(s: Signals, calls: Calls) -> float | None:
    """CPU milliseconds of the caller for each message pair: its own requests and all of its calls."""
    service = s.cpu.services.get(calls.source)
    if service is None:
        return None
    mine = sum(each.per_s for each in s.calls if each.source == calls.source)
    return 1000 * service.cores / (mine + calls.per_s / calls.per_request)


def _kernel(s: Signals, calls: Calls) -> float:
    service = s.cpu.services[calls.source]
    return service.system / service.cores if service.cores else 0.0


def _no_cpu_left(s: Signals, calls: Calls) -> bool:
    full = any(each.full for each in s.stations.all if each.entity.service in (calls.source, calls.to))
    return full or s.host.idle_share < IDLE
