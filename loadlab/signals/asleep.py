"""What threads that sleep in a futex wait for: work, another thread's lock, or something slow.

From outside all three are the same call. Where stacks carry the kernel's number of each thread, as Java's do, they
tell it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from loadlab.recording.model import MONITOR, Frame, Recording, ServiceMeta
from loadlab.signals import frames

TID = re.compile(r" \((\d+)\)$")
"""At the end of a thread's name in such stacks (probes/_threaddump.py)."""

LOCKS = frozenset({"acquire", "__enter__", "acquire_lock", "_acquire_restore", MONITOR, "lock", "lockInterruptibly"})
"""Innermost functions of a lock written in Python, or Java's; one in C leaves the caller's own line as the
innermost."""


@dataclass(frozen=True)
class Asleep:
    """Of the looks at a thread that did not run, 0..1. line: it stood at a lock; work: in another call of the user's
    code, from a request's point of view at work. The rest it waited for work."""

    line: float
    work: float


UNKNOWN = Asleep(line=1.0, work=0.0)
"""Without stacks: to be told by other signs."""
OWN = Asleep(line=0.0, work=0.0)
"""A runtime's: its collector's, its compiler's."""


def compute(recording: Recording) -> dict[tuple[int, int], Asleep]:
    """By (pid, tid); only of threads that stacks with their numbers were read of."""
    services = {meta.name: meta for meta in recording.meta.services}
    looks: dict[tuple[int, int], Counter[str]] = {}
    for each in recording.stacks:
        if each.mode != "still" or each.service not in services:
            continue
        for thread, stack, count in frames.with_results(services[each.service], each).samples:
            number = TID.search(thread)
            if number is not None:
                looks.setdefault((each.pid, int(number[1])), Counter())[_kind(services[each.service], stack)] += count
    return {key: Asleep(seen["line"] / seen.total(), seen["work"] / seen.total()) for key, seen in looks.items()}


def _kind(meta: ServiceMeta, stack: tuple[Frame, ...]) -> str:
    if in_line(meta, stack) or (stack and stack[-1].function == MONITOR):
        return "line"
    index = frames.users_frame(meta, stack)
    return "work" if index is not None and not frames.waits_for_work(stack[-1]) else "idle"


def in_line(meta: ServiceMeta, stack: tuple[Frame, ...]) -> bool:
    """Whether a thread that does not run stands in the user's own code, or in a lock's below it: one at a lock does."""
    index = frames.users_frame(meta, stack)
    if index is None:
        return False
    return index == len(stack) - 1 or frames.bare(stack[-1].function) in LOCKS or at_gate(meta, stack)


def at_gate(meta: ServiceMeta, stack: tuple[Frame, ...]) -> bool:
    """Whether the user's code stands in a semaphore, another lock written in Python, or a queue that lends things: no
    sleep looks like that, nor a wait for work."""
    return _asks(meta, stack) in ("lock", "thing")


def for_result(meta: ServiceMeta, stack: tuple[Frame, ...]) -> bool:
    """Whether it waits for what it gave to a pool of threads or processes (concurrent.futures, a future of Java's)."""
    return _asks(meta, stack) == "result"


def _asks(meta: ServiceMeta, stack: tuple[Frame, ...]) -> str:
    index = frames.users_frame(meta, stack)
    return frames.asks(meta, stack, index) if index is not None else ""
