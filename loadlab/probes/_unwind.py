"""From the registers of one moment and a copy of the top of a thread's stack to who had called whom.

Each program's own tables tell, for every address, how far up the stack the caller's frame begins (Step). Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

SP, BP = 0, 1
LINK = 1 << 31
"""Instead of an offset: the return address is in the link register, as of ARM64's functions that call none."""

MOST_FRAMES = 192
"""Three times what the kernel follows: 16 KB hold that many of 85 bytes each."""

POINTERS = (1 << 48) - 1
"""Bits of an address. ARM64's programs may sign return addresses in those above."""

WORD = struct.Struct("<Q")


class Step(NamedTuple):
    """From a frame to its caller's. Where the frame ends is `base` (SP or BP) plus `offset`; from there back lie the
    return address and the caller's frame pointer (None: it still is in its register)."""

    base: int
    offset: int
    back: int
    pointer: int | None = None


LAST = Step(SP, 0, 0)
"""Nobody called this: the thread begins here."""

BY_POINTER = Step(BP, 16, -8, -16)
"""Of code without tables: as the kernel does it. Both x86-64 and ARM64 keep the caller's frame pointer and the return
address side by side."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Registers of a thread, and its stack from sp on."""

    ip: int
    sp: int
    bp: int
    link: int
    stack: bytes


def walk(now: Moment, step_at: Callable[[int], Step | None]) -> tuple[list[int], bool]:
    """Addresses, innermost first (the others are those to which calls return), and whether the last is where the thread
    began. step_at: None of what is no code."""
    ip, sp, bp, found = now.ip, now.sp, now.bp, [now.ip]
    while len(found) < MOST_FRAMES:
        # A call returns to what follows it, which may be the next function's.
        step = step_at(ip - (len(found) > 1))
        if step is None or step is LAST:
            return found, step is LAST
        end = (bp if step.base == BP else sp) + step.offset
        # Frames lie one above the other; only one that has no room on the stack yet ends where it begins.
        if end < sp or (end == sp and len(found) > 1):
            break
        # What was kept below the end of the stack the function has taken back: it is about to return.
        is_linked = step.back == LINK or end + step.back < sp
        ip = _read(now, end + step.back) if not is_linked else now.link if len(found) == 1 else 0
        ip &= POINTERS
        if not ip or step_at(ip - 1) is None:
            break
        if step.pointer is not None and end + step.pointer >= sp:
            bp = _read(now, end + step.pointer)
        sp = end
        found.append(ip)
    return found, False


def _read(now: Moment, address: int) -> int:
    at = address - now.sp
    return int(WORD.unpack_from(now.stack, at)[0]) if 0 <= at <= len(now.stack) - WORD.size else 0


def joined(walked: list[int], is_whole: bool, chain: tuple[int, ...]) -> tuple[int, ...]:
    """The longest that is sure. walked: by tables, from a copy of the stack that may end too early, or up to code that
    has none; chain: by frame pointers, which go on where that ended if both passed the same call, and else are
    numbers that happened to be in that register."""
    if is_whole:
        return tuple(walked)
    for index in range(len(walked) - 1, 0, -1):
        if walked[index] in chain:
            return (*walked[: index + 1], *chain[chain.index(walked[index]) + 1 :])
    return tuple(walked) if len(walked) > 1 or not chain else chain
