"""One shard works, the others idle

What: of several databases that do the same for different data, one gets most of the statements and is full.
Why: the system can do no more than the fullest shard; what the others could do is paid for and not used.
Fix: divide by something that is spread evenly (a hash of the key instead of its first letter), split the hot part
again, or keep the hottest keys in a cache.
Not: shards of unequal size: there times differ, not shares.
Python: a key with more values in the hash; a local cache for the hottest ones.
Node: a key with more values in the hash; a local cache for the hottest ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals

BRANCH = "database"
STEP = "reshard"
RANK = 29
AT_LIMIT = True
ELASTIC = False
NEEDS = ("databases", "pressure")
USES = ()

ALIKE = 0.5
"""Share of their statements, by calls, that two databases have in common, from which on they are shards of one thing
rather than the databases of two services."""

UNEVEN = 1.5
"""Statements of the hottest shard over the mean. Keys spread by chance, a thousand of them, stay within 1.1."""

IDLE = 0.5
"""Sessions in a statement on each other shard over those on the hottest: below, it could take a good part of them."""


def check(s: Signals) -> Verdict:
    """Every group of databases that run the same statements."""
    if len(s.databases.services) < 2:
        return Clear("no shards")
    found = [fault for group in _groups(s) for fault in _group(s, group)]
    return Found(tuple(found)) if found else Clear("the shards share their work")


def _groups(s: Signals) -> Iterator[list[str]]:
    left = list(s.databases.services)
    while left:
        first, *rest = left
        group = [first, *(each for each in rest if _alike(s, first, each))]
        left = [each for each in rest if each not in group]
        if len(group) > 1:
            yield group


def _alike(s: Signals, one: str, other: str) -> bool:
    mine = {each.text: each.calls for each in s.databases.run_by(one)}
    theirs = {each.text: each.calls for each in s.databases.run_by(other)}
    both = set(mine) & set(theirs)
    return bool(both) and all(
        sum(calls[text] for text in both) >= ALIKE * sum(calls.values()) for calls in (mine, theirs)
    )


def _group(s: Signals, group: list[str]) -> list[Fault]:
    calls = {name: sum(each.calls for each in s.databases.run_by(name)) for name in group}
    active = {name: s.databases.sessions(name, "active") for name in group}
    hot = max(group, key=lambda name: calls[name])
    mean = sum(calls.values()) / len(group)
    others = max(active[name] for name in group if name != hot)
    if not s.pressure[hot].decides or calls[hot] < UNEVEN * mean or others > IDLE * active[hot]:
        return []
    share, even = calls[hot] / sum(calls.values()), 1 / len(group)
    return [
        Fault(
            hot,
            f"{hot} gets {percent(share)} of the statements of {len(group)} shards while the rest idles",
            (
                Evidence("share", share, f"{percent(share)} of the statements, {percent(even)} would be even"),
                Evidence("active", active[hot], f"{active[hot]:.1f} sessions in a statement, elsewhere {others:.1f}"),
                Evidence("pressure", s.pressure[hot].waited, s.pressure[hot].says),
            ),
            "Divide by a hash of the key, split the hot part again, or cache its hottest keys.",
            strength=share,
            signals=2,
            gain=round(calls[hot] / mean, 2),  # when all shards share the work evenly
        )
    ]
