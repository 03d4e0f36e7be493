"""Stacks of compiled programs (Go, Rust, C, C++): where their threads use the CPU, with functions, files and lines.

The kernel takes the samples, and what is in the program's file gives them names. Only programs of the user's own are
looked at: a function of nginx or of PostgreSQL is nobody's line here.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from loadlab.clock import Clock
from loadlab.probes import _perf, _symbols, _unwind
from loadlab.probes._pyspy import is_python
from loadlab.probes._stack_run import StackRun
from loadlab.probes._tree import Member, read, stat_fields
from loadlab.recording.folded import folded
from loadlab.recording.model import NATIVE

TAKE_S = 0.05
"""Between two looks at what the kernel has written: a third of what it has room for (`_perf.PAGES`)."""
THREADS_S = 0.25
"""Between two looks for new threads."""

MOST_THREADS = 64
"""Of one process, those that have used most CPU: each needs a file and 260 KiB."""

KEPT = 2048
"""Samples of one process with their stacks, 34 MB: who called whom is found out after the window, or when there are so
many, which two full cores have after ten seconds."""

LOSS = 0.02
"""Share of the samples that may be lost without a word: what is missing is no longer by chance where threads are full
of work and others are not."""

SYSTEM = re.compile(
    r"^/(?:usr/)?(?:bin|sbin|lib|lib64|libexec)/|^/snap/|/site-packages/|/dist-packages/|/node_modules/"
)
"""Where programs lie that were installed: their functions are not the user's."""

RUNTIMES = re.compile(r"^(?:node|deno|bun|java|ruby|perl|php|lua|beam|erl|dotnet|mono|R|julia)[\d.-]*(?:\.\w+)?$")
"""Programs that run others, wherever they lie: what the kernel sees is their inside."""

BELONGS = ("app", "worker", "balancer")
"""Roles of services whose program may be the user's own."""


def record(members: Sequence[Member], duration_s: float, clock: Clock, stop: threading.Event) -> list[StackRun]:
    """All compiled programs at once. A Source."""
    looks = [
        _Look(each, program)
        for each in members
        if each.target.role in BELONGS and (program := users_program(each.pid)) is not None
    ]
    if not looks:
        return []
    files = _symbols.Files()
    now = clock.monotonic()
    until, again = now + duration_s, now
    try:
        while (now := clock.monotonic()) < until and not stop.is_set():
            if now >= again:
                again = now + THREADS_S
                for each in looks:
                    each.find()
            for each in looks:
                each.take(files)
            stop.wait(min(TAKE_S, max(0.0, until - clock.monotonic())))
        for each in looks:
            each.take(files)
    finally:
        for each in looks:
            each.sampler.close()
    return [each.run(files) for each in looks]


def users_program(pid: int, proc: str = "/proc") -> str | None:
    """The path of a process's program where that is compiled and the user's own; None of any other, and where it may
    not be seen."""
    try:
        path = os.readlink(f"{proc}/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return None
    if SYSTEM.search(path) or RUNTIMES.match(PurePath(path).name) or is_python(pid):
        return None
    return path


@dataclass
class _Look:
    member: Member
    program: str
    sampler: _perf.Sampler = field(default_factory=_perf.Sampler)
    kept: list[_perf.Sample] = field(default_factory=list)
    seen: Counter[tuple[int, tuple[int, ...]]] = field(default_factory=Counter)
    names: dict[int, str] = field(default_factory=dict)
    maps: str = ""
    known: _symbols.Frames | None = None
    refused: str = ""

    def find(self) -> None:
        """Looks at threads that are new, too."""
        if self.refused:
            return
        try:
            for tid in _busiest(self.member.pid):
                if tid not in self.names and self.sampler.add(tid):
                    name = read(f"/proc/{self.member.pid}/task/{tid}/comm", 64).decode("utf-8", "replace").strip()
                    self.names[tid] = f"{name} ({tid})"
        except _perf.Refused as why:
            self.refused = str(why)
        self.maps = self.maps or read_all(f"/proc/{self.member.pid}/maps")

    def take(self, files: _symbols.Files) -> None:
        """Takes what the kernel has written."""
        if self.refused:
            return
        self.kept.extend(self.sampler.read())
        if len(self.kept) >= KEPT:
            try:
                self._unwind(files)
            except _symbols.Missing as why:
                self.refused = str(why)

    def run(self, files: _symbols.Files) -> StackRun:
        """What it was, with names."""
        target = self.member.target
        if self.refused:
            return StackRun(target, NATIVE, {}, self.refused, subject=NATIVE)
        if not self.seen and not self.kept:
            return StackRun(target, NATIVE, {})
        try:
            text = self._named(files)
        except _symbols.Missing as why:
            return StackRun(target, NATIVE, {}, str(why), subject=NATIVE)
        if not text:
            unnamed = f"{PurePath(self.program).name} has no symbols: build it without stripping (-s, strip)"
            return StackRun(target, NATIVE, {}, unnamed, subject=NATIVE)
        return StackRun(target, NATIVE, {self.member.pid: text}, self._lost(), subject="samples")

    def _lost(self) -> str:
        lost, total = self.sampler.lost, self.sampler.lost + self.seen.total()
        if lost <= LOSS * total:
            return ""
        return f"{lost} of {total} samples of {PurePath(self.program).name} were lost: loadlab was late to read them"

    def _frames(self, files: _symbols.Files) -> _symbols.Frames:
        # A process that has ended since has none.
        maps = read_all(f"/proc/{self.member.pid}/maps") or self.maps
        if self.known is None or maps != self.maps:
            parts = _symbols.mappings(maps)
            self.known = _symbols.Frames(parts, files.of(self.member.pid, parts, self.program), self.program)
            self.maps = maps
        return self.known

    def _unwind(self, files: _symbols.Files) -> _symbols.Frames:
        frames = self._frames(files)
        for each in self.kept:
            chain = each.chain
            if each.moment is not None:
                chain = _unwind.joined(*_unwind.walk(each.moment, frames.step), chain)
            self.seen[each.tid, chain] += 1
        self.kept.clear()
        return frames

    def _named(self, files: _symbols.Files) -> str:
        frames = self._unwind(files)
        if not frames.is_named:
            return ""
        chains = list(self.seen)
        known = frames.of([chain for _, chain in chains])
        if not any(known):
            return ""
        counts: Counter[str] = Counter()
        for (tid, chain), found in zip(chains, known, strict=True):
            counts[folded(self.names[tid], found, 0).rpartition(" ")[0]] += self.seen[tid, chain]
        return "".join(f"{stack} {count}\n" for stack, count in sorted(counts.items()))


def check() -> tuple[bool, str, str]:
    """Whether it can be done here, tried on this thread: yes or no, in words, and the way out."""
    sampler = _perf.Sampler()
    try:
        sampler.add(threading.get_native_id())
    except _perf.Refused as why:
        return False, f"{why.what}; no line of compiled programs (Go, Rust, C, C++) will be named", why.mend
    finally:
        sampler.close()
    try:
        _symbols.require()
    except _symbols.Missing as why:
        return False, "what names functions of compiled programs (Go, Rust, C, C++) is not installed", why.mend
    return True, "the kernel's profiler reads compiled programs", ""


def read_all(path: str) -> str:
    """A file of /proc of any length; "" where the process is gone."""
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8", errors="replace")
    return ""


def _busiest(pid: int) -> list[int]:
    """Its threads, those first that have used most CPU."""
    used = {}
    with suppress(OSError):
        for tid in os.listdir(f"/proc/{pid}/task"):
            fields = stat_fields(read(f"/proc/{pid}/task/{tid}/stat", 1024))
            if len(fields) > 12:
                used[int(tid)] = int(fields[11]) + int(fields[12])
    return sorted(used, key=lambda tid: -used[tid])[:MOST_THREADS]
