"""Functions, files and lines of a Go program from the table that its runtime needs (pclntab): it is there where DWARF
and symbols are not, as `go run` and `-ldflags=-s` leave them out; and how much of the stack each function has in use.
Format of Go 1.18 and later: debug/gosym/pclntab.go, runtime/symtab.go and runtime/traceback.go in Go's own sources.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator

from loadlab.probes._unwind import BY_POINTER, LAST, LINK, SP, Step

MAGIC = (0xFFFFFFF0, 0xFFFFFFF1)
"""Of Go 1.18 and 1.20."""

HEADER = struct.Struct("<IBBBBQQQQQQQQ")
"""magic, two zeros, size of an instruction and of a pointer, functions, files, address of the text, offsets: names of
functions, units, files, tables by address, functions."""
OF_X86 = 1
"""Size of an instruction there, where a call leaves the address to return to on the stack."""
FUNCTION = struct.Struct("<IiiIIIIII")
"""entry, name, size of arguments, deferreturn, tables of stack depth, files and lines, count of others, unit."""
FLAGS = dict(zip(MAGIC, (37, 41), strict=True))
"""Where a function's flags stand, by magic."""
TOP_FRAME, WRITES_SP = 1 << 0, 1 << 1
"""Flags: a goroutine begins with it; it goes over to another stack."""
SECTIONS = (".gopclntab", ".data.rel.ro.gopclntab")
ELF = struct.Struct("<40xQ10xHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
NONE = 0xFFFFFFFF


def sections(program: bytes) -> dict[str, tuple[int, int, int]]:
    """Address, offset and size of each section of an ELF file of 64 bits, little-endian; {} where there are none."""
    if program[:6] != b"\x7fELF\x02\x01" or len(program) < ELF.size:
        return {}
    at, size, count, names = ELF.unpack_from(program)
    if size < SECTION.size or at + size * count > len(program) or names >= count:
        return {}
    heads = [SECTION.unpack_from(program, at + size * number) for number in range(count)]
    texts = heads[names][4]
    return {text(program, texts + each[0]): (each[3], each[4], each[5]) for each in heads}


def text(data: bytes, at: int) -> str:
    """Up to the next zero."""
    return data[at : data.find(b"\0", at)].decode("utf-8", "replace")


class GoTable:
    """One program's. Raises ValueError for a table that is none of these."""

    def __init__(self, data: bytes, start: int) -> None:
        """start: address of the section of code, for programs whose table does not have it yet (PIE)."""
        if len(data) < HEADER.size:
            raise ValueError("no table")
        magic, _, _, step, pointer, count, _, base, names, units, files, tables, functions = HEADER.unpack_from(data)
        if magic not in MAGIC or pointer != 8:
            raise ValueError("a table of an older Go, or of another machine")
        self._data, self._base, self._step = data, base or start, step
        self._names, self._units, self._files, self._tables, self._functions = names, units, files, tables, functions
        if functions + 8 * count + 4 > len(data):
            raise ValueError("a table that is cut off")
        pairs = struct.unpack_from(f"<{2 * count + 1}I", data, functions)
        self._entries, self._at = pairs[::2], pairs[1::2]  # the last entry is where the last function ends
        self._flags = FLAGS[magic]

    def at(self, address: int) -> tuple[str, str, int] | None:
        """Function, file and line; None where there is none. Of code that was inlined from another file, where the
        function begins."""
        try:
            where = self._function(address)
            return None if where is None else self._named(where, address)
        except (struct.error, OverflowError):
            return None  # whatever is wrong with somebody's file, it names nothing

    def step(self, address: int) -> Step | None:
        """How to step from there to the caller; None where it has no function there."""
        try:
            where = self._function(address)
            return None if where is None else self._step_from(where, address)
        except (struct.error, OverflowError, IndexError):
            return BY_POINTER

    def _function(self, address: int) -> int | None:
        index = bisect_right(self._entries, address - self._base) - 1
        return self._functions + self._at[index] if 0 <= index < len(self._at) else None

    def _step_from(self, where: int, address: int) -> Step:
        entry, _, _, _, sizes, *_ = FUNCTION.unpack_from(self._data, where)
        flags = self._data[where + self._flags]
        if flags & TOP_FRAME:
            return LAST
        size = self._value(sizes, address - self._base - entry)
        if flags & WRITES_SP or size < 0:
            return BY_POINTER
        if self._step == OF_X86:
            return Step(SP, size + 8, -8, -16 if size else None)
        return Step(SP, size, -size) if size else Step(SP, 0, LINK)

    def _named(self, where: int, address: int) -> tuple[str, str, int]:
        entry, name, _, _, _, files, lines, _, unit = FUNCTION.unpack_from(self._data, where)
        ahead = address - self._base - entry
        file = self._value(files, 0)
        line = self._value(lines, ahead if self._value(files, ahead) == file else 0)
        return text(self._data, self._names + name), self._file(unit, file), max(0, line)

    def _file(self, unit: int, number: int) -> str:
        if number < 0:
            return ""
        (at,) = struct.unpack_from("<I", self._data, self._units + 4 * (unit + number))
        return "" if at == NONE else text(self._data, self._files + at)

    def _value(self, table: int, ahead: int) -> int:
        """What a table says of an address so far behind a function's entry; -1 where it says nothing."""
        if not table:
            return -1
        value, reached = -1, 0
        numbers = self._numbers(self._tables + table)
        for first, (change, steps) in enumerate(zip(numbers, numbers, strict=False)):
            if change == 0 and first:
                break
            value += ~(change >> 1) if change & 1 else change >> 1
            reached += steps * self._step
            if ahead < reached:
                return value
        return -1

    def _numbers(self, at: int) -> Iterator[int]:
        """Numbers of seven bits a byte, the lowest first."""
        while at < len(self._data):
            number = shift = 0
            while at < len(self._data):
                byte = self._data[at]
                at += 1
                number |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            yield number


def table_of(program: bytes) -> GoTable | None:
    """A program's; None where it has none, or one of a Go before 1.18."""
    found = sections(program)
    where = next((found[each] for each in SECTIONS if each in found), None)
    if where is None:
        return None
    _, offset, size = where
    try:
        return GoTable(program[offset : offset + size], found.get(".text", (0, 0, 0))[0])
    except (ValueError, struct.error):
        return None
