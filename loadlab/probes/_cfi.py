"""Where each frame of a program's stack ends and where its caller goes on, from the tables by which exceptions unwind
(.eh_frame): compilers write them for every function, with or without frame pointers, and `strip` leaves them.

Sentry's `symbolic` decodes them, into the text of Breakpad's symbol files, a line for each change:

    STACK CFI INIT 3400 6e1 .cfa: $rsp 8 + .ra: .cfa -8 + ^
    STACK CFI 3402 .cfa: $rsp 16 + $rbp: .cfa -16 + ^

("^" is what stands there). A function that has no .ra returns to nobody: a thread begins with it.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right

from loadlab.probes._unwind import BP, LAST, LINK, SP, Step

FUNCTION = re.compile(rb"^STACK CFI INIT ([0-9a-f]{1,16}) ([0-9a-f]{1,16}) (.*)$", re.MULTILINE)
CHANGE = re.compile(rb"^STACK CFI ([0-9a-f]{1,16}) (.*)$", re.MULTILINE)
RULE = re.compile(rb"(\S+): (\S+)(?: (-?\d{1,9}) \+( \^)?)?(?= |$)")

FRAME, RETURN = b".cfa", b".ra"
REGISTERS = {b"$rsp": SP, b"$rbp": BP, b"sp": SP, b"x29": BP}
LINKS = b"x30"
SAVED = (b"$rbp", b"x29")

Rule = tuple[bytes, int, bool]
"""A register, what is added to it, and whether the value stands in memory there."""
NONE: Rule = (b"", 0, False)


class CallFrames:
    """One program's. text: as above; addresses count from the program's lowest."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        found = sorted((int(each[1], 16), each.start()) for each in FUNCTION.finditer(text))
        self._starts, self._lines = (array("Q", [each[index] for each in found]) for index in (0, 1))

    def at(self, address: int) -> Step | None:
        """How to step from this address to its caller; None where nothing is told."""
        index = bisect_right(self._starts, address) - 1
        first = FUNCTION.match(self._text, self._lines[index]) if index >= 0 else None
        if first is None or address >= int(first[1], 16) + int(first[2], 16):
            return None
        rules = _rules(first[3])
        end = self._text.find(b"STACK CFI INIT", first.end())
        for change in CHANGE.finditer(self._text, first.end(), len(self._text) if end < 0 else end):
            if int(change[1], 16) > address:
                break
            rules |= _rules(change[2])
        return _step(rules)


def _rules(text: bytes) -> dict[bytes, Rule]:
    return {name: (base, int(added or 0), bool(there)) for name, base, added, there in RULE.findall(text)}


def _step(rules: dict[bytes, Rule]) -> Step | None:
    base, added, there = rules.get(FRAME, NONE)
    if base not in REGISTERS or there:
        return None
    back = rules.get(RETURN)
    if back is None:
        return LAST
    kept = [rules.get(each, NONE) for each in SAVED]
    pointer = next((offset for where, offset, there in kept if where == FRAME and there), None)
    if back[0] == LINKS:
        return Step(REGISTERS[base], added, LINK, pointer)
    return Step(REGISTERS[base], added, back[1], pointer) if back[0] == FRAME and back[2] else None
