"""Memory grows with requests and does not come back

What: at constant load, resident memory grew in every part of the window, as fast at its end as at its beginning.
Why: whatever the load, the process will reach its limit and be killed, or push the machine into swap.
Fix: find what keeps references (tracemalloc, memray attach; node --heapsnapshot-signal): caches without a bound,
lists on module level, listeners never removed. Recycling workers (gunicorn --max-requests) buys time.
Not: a cache that fills: its growth ends; requests that pile up: memory follows their number.
Python: tracemalloc or memray; bounds for caches (lru_cache(maxsize)); workers recycled (--max-requests) until then.
Node: heap snapshots compared; bounds for Maps and listeners; max_memory_restart of PM2 until then.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.memory import ALIVE, GROWN_BYTES, Growth

BRANCH = "memory"
STEP = "fix_leak"
# What a leak costs lies ahead: a defect that costs throughput now comes before it, a mere lack of capacity after.
RANK = 55
AT_LIMIT = False
ELASTIC = False
NEEDS = ("memory",)
USES = ()

QUEUE = 1.5
"""Requests under way in the last quarter over those in the first, from which on the load is not constant for memory,
though its rate is: an open load that is not served leaves a queue, and each request in it holds its buffers."""

SHORTEST_S = 8.0
FEWEST_REQUESTS = 100


def check(s: Signals) -> Verdict:
    """Each instance over the longest stretch of constant load."""
    grown = [each for each in s.memory.growth if each.first > 0]
    if not grown:
        return Unknown("no process was there for the whole window")
    if grown[0].seconds < SHORTEST_S or grown[0].requests < FEWEST_REQUESTS:
        seen = f"{grown[0].seconds:.0f} s and {grown[0].requests:.0f} requests"
        return Unknown(f"{seen} are too short to tell a leak from warming up")
    # A database's processes touch more and more of the cache they share, up to its size, and count it once each.
    databases = {each.name for each in s.meta.services if each.role == "database"}
    found = [each for each in grown if each.steady and each.service not in databases]
    leaking = sorted(found, key=lambda each: -each.grown)
    if not leaking:
        return Clear("memory did not grow steadily, or its collector leaves no more alive than before")
    first, last = s.memory.waiting
    if last >= QUEUE * first and last - first >= FEWEST_REQUESTS:
        grew = f"requests under way grew from {first:.0f} to {last:.0f}"
        return Unknown(f"{grew}: what these hold cannot be told from a leak; run at a rate that is served")
    return Found(tuple(_fault(s, each) for each in leaking))


def _fault(s: Signals, growth: Growth) -> Fault:
    limit = s.memory.limit_of(growth)
    left_s = max(0.0, limit - growth.last) / growth.per_second if growth.per_second > 0 and limit else None
    reaches = f"; at this load it reaches its limit of {limit / 1e6:.0f} MB in "
    when = reaches + _span(left_s) if left_s is not None else ""
    return Fault(
        growth.service,
        f"{growth.service} leaks memory: {growth.per_second / 1e6:.2f} MB/s, {growth.per_request / 1e3:.1f} "
        f"KB for each request{when}",
        (
            Evidence(
                "grown_bytes",
                growth.grown,
                f"grew by {growth.grown / 1e6:.1f} MB ({percent(growth.grown / growth.first)}) in "
                f"{growth.seconds:.0f} s at constant load",
                GROWN_BYTES,
            ),
            Evidence(
                "last_quarter",
                growth.parts[-1],
                f"the last quarter grew by {growth.parts[-1] / 1e6:.1f} MB, the first by "
                f"{growth.parts[0] / 1e6:.1f} MB",
            ),
            Evidence(
                "per_request_bytes",
                growth.per_request,
                f"{growth.per_request:.0f} bytes for each of {growth.requests:.0f} requests",
            ),
            *_alive(growth),
        ),
        "Find what keeps references to finished requests (tracemalloc, `memray attach`, a heap snapshot); "
        "recycle workers meanwhile.",
        instance=growth.instance,
        strength=min(1.0, growth.grown / growth.first),
        signals=2,
    )


def _alive(growth: Growth) -> tuple[Evidence, ...]:
    rate = growth.alive_per_second
    if rate is None:
        return ()
    says = f"what its collector leaves alive grew by {rate / 1e6:.2f} MB/s"
    return (Evidence("alive_bytes_per_s", rate, says, ALIVE * growth.per_second),)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
