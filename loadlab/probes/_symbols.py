"""From addresses of a compiled program to functions, files and lines.

The program's own tables are asked: DWARF where it has some, else its list of symbols, both by Sentry's `symbolic`, or
what Go's runtime needs. Whose a function is, is told by where its source lies: not below a toolchain's, and not in a
downloaded package.
"""

from __future__ import annotations

import re
import stat
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from loadlab.probes._cfi import CallFrames
from loadlab.probes._gotable import sections, table_of
from loadlab.probes._names import demangled, readable
from loadlab.probes._unwind import BY_POINTER, Step
from loadlab.recording.model import COMPILED, Frame

LARGEST = 300_000_000
"""Bytes of a program that is still read: all of it, into memory. The tables of one of Go's of 6.7 MB took a quarter of
a second."""
MOST_UNWINDING = 32_000_000
"""Bytes of .eh_frame up to which that is decoded: LLVM's 5 MB took half a second and become 38 MB."""

MAPPING = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ *((?:/|\[vdso\]).*?|)( \(deleted\))?$", re.MULTILINE
)
VDSO = "[vdso]"
LOADED = 1
HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")

TOOLCHAINS = re.compile(
    r"^/rustc/|/\.rustup/|/\.cargo/(?:registry|git)/|/pkg/mod/|/vendor/|^/usr/(?:include|lib|src|share)/|^/build/|^\./|@v\d"
)
"""Folders of a language's own sources and of packages that are downloaded."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A part of a file that is mapped and may be executed. path: "" where there is no file; is_gone: whether another
    file may have its name by now."""

    start: int
    end: int
    offset: int
    path: str
    is_gone: bool = False


def mappings(text: str) -> list[Mapping]:
    """Of /proc/PID/maps, what may be executed: of files, the kernel's own part, and what was written while it ran."""
    return [
        Mapping(int(start, 16), int(end, 16), int(offset, 16), path, bool(gone))
        for start, end, offset, path, gone in MAPPING.findall(text)
    ]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a program that is loaded: where it lies in the file, and where it means to be in memory."""

    offset: int
    size: int
    address: int


def segments(head: bytes) -> list[Segment]:
    """Of an ELF file of 64 bits, little-endian, as its program headers tell; [] of any other file. head: its first
    pages."""
    if len(head) < HEADER.size:
        return []
    magic, bits, order, *_, at, _, _, _, size, count, _, _, _ = HEADER.unpack_from(head)
    if magic != b"\x7fELF" or (bits, order) != (2, 1) or size < SEGMENT.size:
        return []
    found = []
    for number in range(count):
        if at + (number + 1) * size > len(head):
            break
        kind, _, offset, address, _, in_file, _, _ = SEGMENT.unpack_from(head, at + number * size)
        if kind == LOADED:
            found.append(Segment(offset, in_file, address))
    return found


def relative(parts: list[Segment], offset: int) -> int | None:
    """The address, from the program's lowest on, of what lies at an offset of its file."""
    lowest = min((each.address for each in parts), default=0)
    for each in parts:
        if each.offset <= offset < each.offset + each.size:
            return each.address - lowest + offset - each.offset
    return None


Inlined = tuple[tuple[str, str, int], ...]
"""Symbol, file and line of what one address belongs to: the function that was inlined there first."""


class Program:
    """The tables of one file. lookup, steps: by address from its lowest on; is_named: whether the former knows any;
    crates: packages of Rust's in it that were downloaded."""

    def __init__(
        self,
        lookup: Callable[[int], Inlined],
        parts: list[Segment],
        steps: Callable[[int], Step | None] = lambda _: None,
        *,
        is_named: bool = True,
        crates: frozenset[str] = frozenset(),
    ) -> None:
        self.is_named = is_named
        self.crates = crates
        self._lookup = cache(lookup)
        self._steps = steps
        self._parts = parts

    def at(self, offset: int) -> Inlined:
        """What lies at this offset of the file; () where nothing is known."""
        address = relative(self._parts, offset)
        return () if address is None else self._lookup(address)

    def step(self, offset: int) -> Step | None:
        """How to step from there to the caller; None where no table tells."""
        address = relative(self._parts, offset)
        return None if address is None else self._steps(address)


class Missing(Exception):
    """What reads such tables is not installed. mend: the way out."""

    mend = "pip install 'loadlab[native]'"

    def __init__(self) -> None:
        super().__init__(f"functions of compiled programs need one more package: {self.mend}")


def require() -> None:
    """Raises Missing where that cannot be done."""
    for each in ("symbolic", "cxxfilt", "rust_demangler"):
        if find_spec(each) is None:
            raise Missing


class Files:
    """Programs and libraries, each read once, whichever process has it and wherever that sees it; those that no stack
    passes through are not read."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], Program | None] = {}

    def of(self, pid: int, parts: Iterable[Mapping], own: str) -> Callable[[str], Program | None]:
        """By path, those of a process, read when they are asked for; raises Missing then. own: the path of its
        program."""
        files = places(pid, parts, own)

        def found(path: str) -> Program | None:
            if path == VDSO:
                return _kernels_own()
            return self._program(files[path]) if path in files else None

        return cache(found)

    def _program(self, file: Path) -> Program | None:
        try:
            about = file.stat()
            # Two containers have different files of one name.
            key = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
            if key not in self._known:
                # Something else may have a mapped file's name by now: a pipe would never end.
                is_file = stat.S_ISREG(about.st_mode) and about.st_size <= LARGEST
                self._known[key] = program(file.read_bytes()) if is_file else None
        except OSError:
            return None
        return self._known[key]


@cache
def _kernels_own() -> Program | None:
    """What the kernel gives each process to ask for the time: it is in no file, but in loadlab's own memory as well."""
    with suppress(OSError):
        for each in mappings(Path("/proc/self/maps").read_text(encoding="utf-8")):
            if each.path == VDSO:
                with Path("/proc/self/mem").open("rb") as memory:
                    memory.seek(each.start)
                    return program(memory.read(each.end - each.start))
    return None


def places(pid: int, parts: Iterable[Mapping], own: str) -> dict[str, Path]:
    """By path, where loadlab finds what a process calls so: in a container it has files of its own, and a new build may
    have taken the name of one that still runs."""
    found = {}
    for each in parts:
        if each.path == own:
            found[each.path] = Path(f"/proc/{pid}/exe")
        elif each.is_gone:
            found[each.path] = Path(f"/proc/{pid}/map_files/{each.start:x}-{each.end:x}")
        elif each.path.startswith("/"):
            found[each.path] = Path(f"/proc/{pid}/root{each.path}")
    return found


def program(data: bytes) -> Program | None:
    """The tables of a file with this content; None where it is no program. Raises Missing."""
    require()
    from symbolic.debuginfo import Archive

    parts = segments(data[:4096])
    lowest = min((each.address for each in parts), default=0)
    try:
        found = next(iter(Archive.from_bytes(data).iter_objects()))
    except Exception:  # noqa: BLE001 - whatever is wrong with somebody's file, it has no tables
        return None
    parted = sections(data)
    table = table_of(data)
    go = None if "debug" in found.features else table
    tables: Any = None
    with suppress(Exception):
        tables = found.make_symcache() if go is None else None

    def lookup(address: int) -> Inlined:
        if go is not None:
            one = go.at(lowest + address)
            return () if one is None else ((readable(one[0], demangled), *one[1:]),)
        known = tables.lookup(address) if tables is not None else ()
        return tuple((readable(each.symbol, demangled), each.full_path or "", each.line or 0) for each in known)

    calls = CallFrames(b"")
    with suppress(Exception):  # as above: then there are none
        if parted.get(".eh_frame", NOWHERE)[2] <= MOST_UNWINDING:
            calls = CallFrames(found.make_cficache().open_stream().read())

    def steps(address: int) -> Step | None:
        # A table for debuggers may describe Go's functions as well, but not which of them leave their stack.
        return (table.step(lowest + address) if table is not None else None) or calls.at(address)

    is_named = go is not None or tables is not None
    _, at, size = parted.get(".rodata", NOWHERE)
    return Program(lookup, parts, steps, is_named=is_named, crates=downloaded(data[at : at + size]))


NOWHERE = (0, 0, 0)

CRATE = re.compile(rb"cargo/(?:registry/(?:src/[^/\0]{1,99}/)?|git/checkouts/)([\w-]{1,64}?)-(?:\d+\.\d|[0-9a-f]{16}/)")
"""Where cargo, or a distribution, keeps the sources of a crate."""


def downloaded(constants: bytes) -> frozenset[str]:
    """Crates of others' that a program without DWARF tells of: where each may panic stands in its messages. Of those in
    py-spy 0.4 that have a path there, it finds all; of its functions that are neither its own nor Rust's, 19 of 20."""
    return frozenset(each.decode().replace("-", "_") for each in CRATE.findall(constants))


LANGUAGES = re.compile(r"^(?:std|core|alloc|hashbrown|__gnu_cxx|__cxxabiv1)::|^_|^operator ")
"""Functions of C++'s and Rust's own that are compiled into each program: where no file is known, names must do."""

GO_ROOT = re.compile(r"^(/.*/)runtime/\w+\.(?:go|s)$")
"""Where Go's own library lies, as the file of a function of package `runtime` tells: such is in every stack of Go's."""


class Frames:
    """Of one process. programs: by path; own: the path of its program."""

    def __init__(self, parts: Iterable[Mapping], programs: Callable[[str], Program | None], own: str) -> None:
        self._parts = sorted(parts, key=lambda each: each.start)
        self._starts = [each.start for each in self._parts]
        self._programs = programs
        self._own = own
        program = programs(own)
        self.is_named = program is not None and program.is_named
        """Whether the program itself has names."""
        self._crates = program.crates if program is not None else frozenset()
        self.step = cache(self._step)
        """How to step from an address to its caller; None where that is no code."""

    def of(self, chains: Iterable[tuple[int, ...]]) -> list[tuple[Frame, ...]]:
        """Of each chain of addresses, innermost first, its frames, outermost first. Addresses of no known program are
        left out."""
        # A call returns to what follows it, which may be the next line's.
        known = [[each for i, at in enumerate(chain) for each in self._at(at - (i > 0))] for chain in chains]
        roots = {
            found[1]
            for chain in known
            for _, (symbol, file, _) in chain
            if symbol.startswith("runtime.") and (found := GO_ROOT.match(file))
        }
        go = any(symbol.startswith("runtime.goexit") for chain in known for _, (symbol, *_) in chain)
        return [
            tuple(self._frame(path, *each, roots=tuple(roots), go=go) for path, each in reversed(chain))
            for chain in known
        ]

    def _step(self, address: int) -> Step | None:
        part = self._part(address)
        if part is None:
            return None
        program = self._programs(part.path)
        return (program.step(address - part.start + part.offset) if program is not None else None) or BY_POINTER

    def _part(self, address: int) -> Mapping | None:
        index = bisect_right(self._starts, address) - 1
        return self._parts[index] if index >= 0 and address < self._parts[index].end else None

    def _at(self, address: int) -> list[tuple[str, tuple[str, str, int]]]:
        part = self._part(address)
        program = self._programs(part.path) if part is not None else None
        if part is None or program is None:
            return []
        return [(part.path, each) for each in program.at(address - part.start + part.offset)]

    def _is_known(self, symbol: str) -> bool:
        return bool(LANGUAGES.match(symbol)) or symbol.partition("::")[0] in self._crates

    def _frame(self, path: str, symbol: str, file: str, line: int, *, roots: tuple[str, ...], go: bool) -> Frame:
        theirs = path != self._own
        if not file:
            theirs = theirs or (not symbol.startswith("main.") if go else self._is_known(symbol))
            return Frame(symbol, f"{COMPILED}{PurePath(path).name}" if theirs else path, 0)
        theirs = theirs or bool(TOOLCHAINS.search(file)) or file.startswith(roots) or _is_trimmed(symbol, file)
        return Frame(symbol, f"{COMPILED}{file}" if theirs else file, line)


def _is_trimmed(symbol: str, file: str) -> bool:
    """Whether it is of Go's own library in a program built with -trimpath, whose files begin with the package: those of
    a module's own begin with its name, which has a dot in it as a rule."""
    first = PurePath(file).parts[0]
    return file.endswith((".go", ".s")) and first != "/" and "." not in first and not symbol.startswith("main.")
