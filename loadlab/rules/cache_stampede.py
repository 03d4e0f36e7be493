"""When a key of the cache ends, all who ask for it do its work at once

What: misses come in bursts, many for each key that expired or was thrown out, and all of them put the same thing there
again; meanwhile throughput falls, and between the bursts whatever does the work is idle. Also called dogpile.
Why: the first request that misses takes as long as the work takes; all that come before it is done miss as well, and
share the same database or cores, so that it takes them all together many times as long. More users make it worse.
Fix: one request fills a missing key while the others wait for it (a lock for each key, SET NX in Redis; single flight
within a process), or get the old value meanwhile; or fill it anew before it ends, by one request drawn by lot or by a
job. Times to live with some jitter, so that many keys do not end at once.
Not: one long computation for which all wait (a lock is given back for each key, or one thing is put there): make that
one shorter, or give the old value meanwhile; cache_misses: there one miss follows each key that ended, or keys are
asked for that nobody puts there; gc_pauses, checkpoints: there the cache is not asked for more. A cache within the
process cannot be seen from outside: what it does looks like bursts of work downstream.
Python: redis-py's lock() around the work, asyncio.Lock within a process, dogpile.cache, aiocache's RedLock.
Node: a Map of promises in flight within a process, SET key NX PX between processes; cache-manager's wrap with
refreshThreshold.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.rules._tail import tail
from loadlab.signals import Signals
from loadlab.signals.stampedes import Stampede

BRANCH = "memory"
STEP = "single_flight"
RANK = 28
AT_LIMIT = False
ELASTIC = False
NEEDS = ("stampedes",)
USES = ("latency",)

HERD = 4.0
"""Misses for each key that ended. One would do, and two or three come by chance where work takes long; four do the work
of one four times."""

BURSTS = 2
"""Seen in the window: what happens once may be a start, or somebody who emptied the cache."""

IN_BURSTS = 0.8
"""Of all misses. Keys that nobody puts there are missed evenly."""

WRITTEN = 0.5
"""Times something was put into the cache, for each miss: who misses does the work and keeps it. memcached does not
tell: there it is suspected only."""

STILL = 0.1
"""Share of seconds in which throughput is under half of what it is in the others: one in ten is the tail that users
complain of."""

IN_STEP = 0.7
"""Of these seconds, those that a burst of misses began: another cause would have to keep the same time."""


def check(s: Signals) -> Verdict:
    """Each cache whose misses come many at once, and still the service."""
    if not s.stampedes:
        return Clear("no cache")
    found = [_fault(s, each) for each in s.stampedes if _herd(each) and each.still >= STILL and each.in_step >= IN_STEP]
    if found:
        return Found(tuple(sorted(found, key=lambda each: -each.strength)))
    herds = [each for each in s.stampedes if _herd(each)]
    if herds:
        return Clear(f"{herds[0].for_each:.0f} misses for each key that ended, but throughput does not suffer by them")
    return Clear("no key is missed by many at once when it ends")


def _herd(stampede: Stampede) -> bool:
    many = stampede.for_each >= HERD and stampede.bursts >= BURSTS and stampede.in_bursts >= IN_BURSTS
    if not many or stampede.written is None or stampede.released is None:
        return many
    return stampede.written >= WRITTEN * stampede.misses and stampede.released < stampede.ended


def _fault(s: Signals, stampede: Stampede) -> Fault:
    name, many = stampede.service, stampede.for_each
    evidence = [
        Evidence(
            "for_each",
            many,
            f"{stampede.misses:.0f} misses for {stampede.ended:.0f} keys that ended in {stampede.seconds:.0f} s: "
            f"{many:.0f} each",
            HERD,
        ),
        Evidence(
            "in_bursts",
            stampede.in_bursts,
            f"{percent(stampede.in_bursts)} of them came in {stampede.bursts} bursts",
            IN_BURSTS,
        ),
        Evidence(
            "still",
            stampede.still,
            f"in {percent(stampede.still)} of the seconds there were {stampede.low:,.0f} requests/s instead of "
            f"{stampede.full:,.0f}",
            STILL,
        ),
        Evidence("in_step", stampede.in_step, f"{percent(stampede.in_step)} of these began with a burst", IN_STEP),
    ]
    told = stampede.written is not None
    if told:
        says = f"{stampede.written:.0f} times something was put there, and no lock was given back"
        evidence.append(Evidence("written", stampede.written or 0.0, says, WRITTEN))
    return Fault(
        name,
        f"when a key of {name} ends, {many:.0f} requests at once {'do the work of one' if told else 'wait for it'} "
        "(a cache stampede)",
        (*evidence, *tail(s)),
        "Let one request fill a missing key while the others wait for it or get the old value, or fill it before it "
        "ends.",
        instance=stampede.instance,
        strength=min(1.0, stampede.still + 0.3),
        signals=1 + told,
    )
