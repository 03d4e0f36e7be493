"""The cache does not hold what is asked for

What: a good part of the keys asked for are not in the cache, while it throws others out to make room or lets them
expire; this does not get better with time.
Why: each miss is work for what stands behind the cache: the database, a slow service, the application's own CPU. Just
below the size of what is asked for, a little memory decides between nearly all and nearly none.
Fix: a bigger maxmemory, or smaller values; a policy that keeps what is used often (allkeys-lfu); longer times to live,
with some jitter so that they do not end all at once; one request that fills a missing key while the others wait for it.
Not: a cold start: the rate of hits climbs; cache_slow_command: there the cache itself is slow.
Python: more maxmemory; ttl with jitter; one caller that fills a key (a lock in Redis).
Node: more maxmemory; ttl with jitter; one promise a key while it is filled.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.caches import Cache

BRANCH = "memory"
STEP = "bigger_cache"
RANK = 44
AT_LIMIT = True
ELASTIC = False
NEEDS = ("caches",)
USES = ()

MISSED = 0.25
"""Share of misses. A cache is there because a hit is ten times cheaper or more: at a quarter, misses are most of the
cost."""

MISSES = 5.0
"""Misses a second: fewer are no load."""

CHURN = 0.2
"""Keys thrown out or expired for each miss. A cache that is merely cold, or asked for what nobody ever put there, loses
none."""

WARMING = 0.05
"""Rise of the hit rate from the first to the second half of the window, from which on it is still filling."""

FILLED = 0.85
"""Share of its memory that is used where it evicts: servers count their own overhead in different ways."""


def check(s: Signals) -> Verdict:
    """Each cache that loses keys about as fast as they are missed."""
    if not s.caches.all:
        return Clear("no cache")
    found = [_fault(each) for each in s.caches.all if _misses(each)]
    if found:
        return Found(tuple(sorted(found, key=lambda each: -each.strength)))
    rates = [each.hit_rate for each in s.caches.all if each.hit_rate is not None]
    return Clear(f"{percent(min(rates))} of the keys asked for were there" if rates else "no key was asked for")


def _misses(cache: Cache) -> bool:
    rate = cache.hit_rate
    if rate is None or 1 - rate < MISSED or cache.misses < MISSES:
        return False
    if cache.evicted + cache.expired < CHURN * cache.misses:
        return False
    return cache.early is None or cache.late is None or cache.late - cache.early < WARMING


def _fault(cache: Cache) -> Fault:
    missed = 1 - (cache.hit_rate or 0.0)
    evicts = cache.evicted >= cache.expired
    full = cache.limit > 0 and cache.used >= FILLED * cache.limit
    lost = f"{cache.evicted:.0f} keys/s were thrown out to make room, {cache.expired:.0f} expired"
    evidence = [
        Evidence(
            "missed", missed, f"{percent(missed)} of {cache.hits + cache.misses:.0f} keys/s were not there", MISSED
        ),
        Evidence("lost", (cache.evicted + cache.expired) / cache.misses, lost, CHURN),
    ]
    if cache.limit > 0:
        says = f"it used {cache.used / 1e6:.1f} of {cache.limit / 1e6:.1f} MB"
        evidence.append(Evidence("filled", cache.used / cache.limit, says, FILLED))
    why = "it is too small, and throws out what is asked for next" if evicts else "what it holds expires too soon"
    remedy = (
        "Give it more memory (maxmemory), smaller values, or a policy that keeps what is used often."
        if evicts
        else "Let keys live longer, with some jitter, and let one request fill a missing key for all."
    )
    return Fault(
        cache.service,
        f"{percent(missed)} of what is asked of {cache.service} is not there: {why}",
        tuple(evidence),
        remedy,
        instance=cache.instance,
        strength=min(1.0, missed),
        signals=2 + (full and evicts),
    )
