"""How much of a service's CPU goes into compressing and into TLS handshakes: work that libraries do in native code.

Both let go of the interpreter lock, so samples of its holder do not see them. They never wait, either: a thread found
in one is on a core, or ready for one. So the share of a thread's samples inside, over all threads, is cores; over the
cores the service uses, it is the share of its CPU. Libraries are known by where their files lie, never by the user's
names; a call of native code straight from the user's line has no frame of its own, and is not seen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

from loadlab.recording.model import COMPILED, NATIVE, Frame, Recording, ServiceMeta, Stacks
from loadlab.signals import cpu
from loadlab.signals.frames import LIBRARIES, bare, is_users, shown, users_frame, waits_for_work
from loadlab.signals.hot import FEWEST, Line
from loadlab.signals.missing import Missing

PACKERS = frozenset({"gzip", "bz2", "lzma", "_compression", "compression"})
"""Modules of Python's own library that compress; their functions are called write, flush, close as well."""

COMPILED_PACKERS = frozenset(
    {"compress", "flate2", "miniz_oxide", "libz", "libbz2", "liblzma", "libzstd", "libbrotlienc"}
)
"""Of compiled programs the folder (Go's compress/gzip, klauspost/compress), crate or shared library, without its
version."""

UNPACKS = ("decompress", "inflate", "reader")
"""In the names of those of their functions that do the opposite."""


@dataclass(frozen=True)
class Part:
    """Of one service: cores spent on it, their share of its CPU, samples seen, and the line that asks for it: of the
    user's own, else of the library nearest to it."""

    cores: float
    share: float
    samples: int
    line: Line | None
    readable: bool = True
    """False where most samples end in an event loop written in native code, which may do such work unseen."""


@dataclass(frozen=True)
class Work:
    """By service, only those whose stacks could be read."""

    compressing: dict[str, Part]
    shaking_hands: dict[str, Part]


def compute(recording: Recording) -> Work:
    """Raises Missing where no stacks were taken or no process was sampled."""
    if not any(each.mode != "gil" for each in recording.stacks):
        raise Missing("no stacks were taken")
    used = cpu.compute(recording)
    packing: dict[str, Part] = {}
    shaking: dict[str, Part] = {}
    for meta in recording.meta.services:
        stacks = [each for each in recording.stacks if each.service == meta.name and each.mode != "gil"]
        service = used.services.get(meta.name)
        if stacks and service is not None:
            cores = service.cores + service.run_delay
            packing[meta.name] = _packing(meta, stacks, service.cores, cores)
            shaking[meta.name] = _part(meta, stacks, shakes_hands, cores)
            if meta.scheme == "https":
                shaking[meta.name] = _with_first_reads(meta, stacks, shaking[meta.name], cores)
    return Work(packing, shaking)


def _packing(meta: ServiceMeta, stacks: list[Stacks], used: float, wanted: float) -> Part:
    """used: cores it had; wanted: the same, and what it waited for."""
    compiled = [each for each in stacks if each.mode == NATIVE]
    if not compiled:
        return _part(meta, stacks, compresses, wanted)
    lines: Counter[tuple[str, str, int]] = Counter()
    for each in compiled:
        for _, frames, count in each.samples:
            if packs(meta, frames):
                caller = frames[_caller(meta, frames, lambda frame: _packer(frame.file))]
                lines[(caller.function, caller.file, caller.line)] += count
    found = sum(lines.values())
    share = found / max(1, sum(count for each in compiled for *_, count in each.samples))
    return Part(share * used, share, found, _line(meta, lines))


def compresses(frame: Frame) -> bool:
    """Whether a library's function, as the innermost one, is compressing."""
    if is_users(frame.file):
        return False
    name = bare(frame.function).lower()
    if "decompress" in name or name.startswith("read"):
        return False
    path = PurePath(frame.file)
    return "compress" in name or path.stem in PACKERS or path.parent.name in PACKERS


def packs(meta: ServiceMeta, frames: tuple[Frame, ...]) -> bool:
    """Whether a compiled program's own code has called a library that compresses. Every sample of it is CPU, what the
    library asks of the language's runtime included."""
    own = users_frame(meta, frames)
    below = frames[own + 1 :] if own is not None else frames
    library = [each for each in below if each.file.startswith(COMPILED) and _packer(each.file)]
    return bool(library) and not any(word in each.function.lower() for each in library for word in UNPACKS)


def _packer(file: str) -> bool:
    names = PurePath(file.removeprefix(COMPILED)).parts
    return any(re.split("[@.-]", name)[0] in COMPILED_PACKERS for name in names)


def shakes_hands(frame: Frame) -> bool:
    """Whether a library's function, as the innermost one, is making a TLS handshake."""
    return not is_users(frame.file) and "handshake" in bare(frame.function)


def reads(frame: Frame) -> bool:
    """Whether a TLS connection is read from. The first read makes the handshake where nobody asked for one (gunicorn,
    socketserver); but it waits for the other end as well."""
    return bare(frame.function) in ("read", "recv", "recv_into") and PurePath(frame.file).name == "ssl.py"


def _with_first_reads(meta: ServiceMeta, stacks: list[Stacks], part: Part, cores: float) -> Part:
    """Of a server: with what its reads take of the CPU, which is no more than is left by what runs elsewhere."""
    first = _part(meta, stacks, reads, cores)
    serving = [each for each in stacks if any(frames and reads(frames[-1]) for _, frames, _ in each.samples)]
    working = _part(meta, serving, lambda frame: not waits_for_work(frame) and not reads(frame), cores)
    spent = part.cores + max(0.0, min(first.cores, cores - working.cores))
    share = min(1.0, spent / cores) if cores > 0 else 0.0
    return replace(part, cores=spent, share=share, samples=part.samples + first.samples)


def _part(meta: ServiceMeta, stacks: list[Stacks], inside: Callable[[Frame], bool], cores: float) -> Part:
    opaque = 0
    totals: Counter[tuple[int, int, str]] = Counter()
    found: Counter[tuple[int, int, str]] = Counter()
    lines: Counter[tuple[str, str, int]] = Counter()
    for each in stacks:
        for thread, frames, count in each.samples:
            key = (each.instance, each.pid, thread)
            totals[key] += count
            opaque += count if frames and "uvloop" in PurePath(frames[-1].file).parts else 0
            if frames and inside(frames[-1]):
                found[key] += count
                caller = frames[_caller(meta, frames, inside)]
                lines[(caller.function, caller.file, caller.line)] += count
    spent = sum(found[key] / totals[key] for key in sorted(found))
    share = min(1.0, spent / cores) if cores > 0 else 0.0
    readable = 2 * opaque < sum(totals.values())
    return Part(spent, share, sum(found.values()), _line(meta, lines), readable)


def _caller(meta: ServiceMeta, frames: tuple[Frame, ...], inside: Callable[[Frame], bool]) -> int:
    """Index of the innermost frame of the user's; else of the innermost of an installed package, a middleware's;
    else of the innermost that only calls."""
    index = users_frame(meta, frames)
    if index is not None and not _starts(frames[index]):
        return index
    packages = [each for each, frame in enumerate(frames) if any(name in frame.file for name in LIBRARIES)]
    if packages:
        return packages[-1]
    outside = [each for each, frame in enumerate(frames) if not inside(frame)]
    return outside[-1] if outside else len(frames) - 1


def _starts(frame: Frame) -> bool:
    """Whether it only starts the program: in every stack, and asks for nothing."""
    return frame.function in ("<module>", "main", "_run_code", "_run_module_as_main")


def _line(meta: ServiceMeta, lines: Counter[tuple[str, str, int]]) -> Line | None:
    total = sum(lines.values())
    if total < FEWEST:
        return None
    functions: dict[tuple[str, str], int] = defaultdict(int)
    for (function, file, _), count in lines.items():
        functions[(function, file)] += count
    function, file = max(functions, key=lambda each: (functions[each], each))
    line = max((key for key in lines if key[:2] == (function, file)), key=lambda key: (lines[key], -key[2]))[2]
    return Line(function, _path(meta, file), line, functions[(function, file)] / total, "")


def _path(meta: ServiceMeta, file: str) -> str:
    """A package's file by its name in the package, the user's as everywhere."""
    parts = PurePath(file).parts
    for name in LIBRARIES:
        if name in parts and name != "node_modules":
            return "/".join(parts[len(parts) - parts[::-1].index(name) :])
    inside = [index for index, (one, two) in enumerate(pairwise(parts)) if one == "lib" and two.startswith("python3")]
    return "/".join(parts[inside[-1] + 2 :]) if inside else shown(meta, file)
