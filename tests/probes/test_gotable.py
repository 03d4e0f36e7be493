"""The table of functions and lines that a Go program carries for its runtime."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes._gotable import FUNCTION, HEADER, GoTable, sections, table_of
from loadlab.probes._unwind import BY_POINTER, LAST, LINK, SP, Step

BASE = 0x401000
FILES = ("/srv/app/main.go", "/opt/go/src/strings/strings.go")


def numbers(*pairs: tuple[int, int]) -> bytes:
    """(change, bytes of code): as Go writes them, seven bits a byte, signs in the lowest bit; zero ends them."""
    data = b""
    for pair in pairs:
        for number in ((pair[0] << 1) ^ (pair[0] >> 31), pair[1]):
            rest = number
            while rest > 0x7F:
                data += bytes([rest & 0x7F | 0x80])
                rest >>= 7
            data += bytes([rest])
    return data + b"\0"


def table(magic: int = 0xFFFFFFF1, pointer: int = 8, step: int = 1, flags: int = 0) -> bytes:
    """Two functions of 0x100 bytes: main.page, whose middle was inlined from another file; main.weave, of one line,
    with 96 bytes on the stack. flags: of that; step: of an instruction."""
    names = b"main.page\0main.weave\0"
    units = struct.pack("<II", 0, len(FILES[0]) + 1)
    files = "\0".join(FILES).encode() + b"\0"
    parts = {
        "file": numbers((1, 0x40), (1, 0x40), (-1, 0x80)),
        "line": numbers((31, 0x20), (4, 0x20), (300, 0x40), (-303, 0x80)),
        "file 2": numbers((1, 0x100)),
        "line 2": numbers((51, 0x100)),
        "stack": numbers((1, 0x10), (0x60, 0xE0), (-0x60, 0x10)),
    }
    # Begins with one byte, as offset 0 means no table.
    tables, at = b"\0", {}
    for name, data in parts.items():
        at[name] = len(tables)
        tables += data
    pairs = struct.calcsize("<4II")
    rest = {0xFFFFFFF0: struct.pack("<BBBB", 0, flags, 0, 0), 0xFFFFFFF1: struct.pack("<iBBBB", 51, 0, flags, 0, 0)}
    end = rest.get(magic, b"")
    functions = struct.pack("<4II", 0, pairs, 0x100, pairs + FUNCTION.size + len(end), 0x200)
    functions += FUNCTION.pack(0, 0, 0, 0, 0, at["file"], at["line"], 0, 0) + end
    functions += FUNCTION.pack(0x100, 10, 0, 0, at["stack"], at["file 2"], at["line 2"], 0, 0) + end
    blocks = [names, units, files, tables, functions]
    starts = [HEADER.size + sum(map(len, blocks[:index])) for index in range(len(blocks))]
    return HEADER.pack(magic, 0, 0, step, pointer, 2, 2, BASE, *starts) + b"".join(blocks)


@pytest.mark.parametrize(
    ("ahead", "found"),
    [
        (0x00, ("main.page", FILES[0], 30)),
        (0x1F, ("main.page", FILES[0], 30)),
        (0x20, ("main.page", FILES[0], 34)),
        (0x50, ("main.page", FILES[0], 30)),
        (0x90, ("main.page", FILES[0], 31)),
        (0x100, ("main.weave", FILES[0], 50)),
        (0x1FF, ("main.weave", FILES[0], 50)),
    ],
)
def test_an_address_has_a_function_a_file_and_a_line(ahead: int, found: tuple[str, str, int]) -> None:
    """What was inlined from another file counts to where the function begins."""
    assert GoTable(table(), 0).at(BASE + ahead) == found


@pytest.mark.parametrize("address", [BASE - 1, BASE + 0x200, BASE + 0x7FFF_0000])
def test_outside_of_its_functions_is_none(address: int) -> None:
    """As C's functions are that Go's linker adds."""
    found = GoTable(table(), 0)
    assert (found.at(address), found.step(address)) == (None, None)


@pytest.mark.parametrize("magic", [0xFFFFFFF0, 0xFFFFFFF1])
@pytest.mark.parametrize(
    ("ahead", "step", "flags", "found"),
    [
        (0x100, 1, 0, Step(SP, 8, -8)),
        (0x150, 1, 0, Step(SP, 104, -8, -16)),
        (0x1F8, 1, 0, Step(SP, 8, -8)),
        (0x100, 4, 0, Step(SP, 0, LINK)),
        (0x150, 4, 0, Step(SP, 96, -96)),
        (0x150, 1, 1, LAST),
        (0x150, 1, 2, BY_POINTER),
        (0x50, 1, 0, BY_POINTER),
    ],
)
def test_how_much_of_the_stack_is_in_use(magic: int, ahead: int, step: int, flags: int, found: Step) -> None:
    """At a function's start and end nothing but the address to return to, which ARM64 keeps in a register. Functions
    that go over to another stack, or say nothing, are left to frame pointers."""
    assert GoTable(table(magic, step=step, flags=flags), 0).step(BASE + ahead) == found


@pytest.mark.parametrize("data", [b"", table(magic=0xFFFFFFFB), table(pointer=4)])
def test_another_table_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="table"):
        GoTable(data, 0)


def program(*named: tuple[str, bytes, int]) -> bytes:
    """An ELF file with these sections (name, content, address) and one of names."""
    names = b"\0" + b"\0".join(name.encode() for name, *_ in named) + b"\0.shstrtab\0"
    body, heads, at = b"", [struct.pack("<IIQQQQIIQQ", *[0] * 10)], 64
    for name, content, address in (*named, (".shstrtab", names, 0)):
        heads.append(struct.pack("<IIQQQQIIQQ", names.find(name.encode()), 1, 0, address, at, len(content), 0, 0, 1, 0))
        body, at = body + content, at + len(content)
    head = struct.pack("<6s34xQ10xHHH", b"\x7fELF\x02\x01", at, 64, len(heads), len(heads) - 1)
    return head + body + b"".join(heads)


@pytest.mark.parametrize("section", [".gopclntab", ".data.rel.ro.gopclntab"])
def test_it_is_found_in_a_program(section: str) -> None:
    data = program((".text", b"code", BASE), (section, table(), 0))
    assert sections(data)[".text"] == (BASE, 64, 4)
    found = table_of(data)
    assert found is not None and found.at(BASE) == ("main.page", FILES[0], 30)


def test_a_program_of_another_language_has_none() -> None:
    assert table_of(program((".text", b"code", BASE))) is None
    assert table_of(b"#!/bin/sh\n") is None


@given(st.binary(max_size=300), st.integers(0, len(table())), st.integers(0, 2**32))
def test_a_broken_table_names_nothing_and_breaks_nothing(junk: bytes, at: int, address: int) -> None:
    data = table()[:at] + junk + table()[at + len(junk) :]
    found = table_of(program((".text", b"code", BASE), (".gopclntab", data, 0)))
    if found is not None:
        found.at(address)
        found.step(address)
