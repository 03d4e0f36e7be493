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
from loadlab.probes import _perf, _symbols
from loadlab.probes._pyspy import is_python
from loadlab.probes._stack_run import StackRun
from loadlab.probes._tree import Member, read, stat_fields
from loadlab.recording.folded import folded
from loadlab.recording.model import NATIVE

TAKE_S = 0.25
"""Between two looks at what the kernel has written, and for new threads."""

MOST_THREADS = 64
"""Of one process, those that have used most CPU: each needs a file and 36 KiB."""

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
    until = clock.monotonic() + duration_s
    try:
        while clock.monotonic() < until and not stop.is_set():
            for each in looks:
                each.take()
            stop.wait(min(TAKE_S, max(0.0, until - clock.monotonic())))
        for each in looks:
            each.take()
    finally:
        for each in looks:
            each.sampler.close()
    programs: dict[str, _symbols.Program | None] = {}
    return [each.run(programs) for each in looks]


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
    seen: Counter[tuple[int, tuple[int, ...]]] = field(default_factory=Counter)
    names: dict[int, str] = field(default_factory=dict)
    refused: str = ""

    def take(self) -> None:
        if self.refused:
            return
        try:
            for tid in _busiest(self.member.pid):
                if tid not in self.names and self.sampler.add(tid):
                    name = read(f"/proc/{self.member.pid}/task/{tid}/comm", 64).decode("utf-8", "replace").strip()
                    self.names[tid] = f"{name} ({tid})"
        except _perf.Refused as why:
            self.refused = str(why)
        self.seen.update((each.tid, each.chain) for each in self.sampler.read())

    def run(self, programs: dict[str, _symbols.Program | None]) -> StackRun:
        target = self.member.target
        if self.refused:
            return StackRun(target, NATIVE, {}, self.refused, subject=NATIVE)
        if not self.seen:
            return StackRun(target, NATIVE, {})
        try:
            text = self._named(programs)
        except _symbols.Missing as why:
            return StackRun(target, NATIVE, {}, str(why), subject=NATIVE)
        if not text:
            unnamed = f"{PurePath(self.program).name} has no symbols: build it without stripping (-s, strip)"
            return StackRun(target, NATIVE, {}, unnamed, subject=NATIVE)
        return StackRun(target, NATIVE, {self.member.pid: text})

    def _named(self, programs: dict[str, _symbols.Program | None]) -> str:
        pid = self.member.pid
        parts = _symbols.mappings(read_all(f"/proc/{pid}/maps"))
        for path in {each.path for each in parts}:
            if path not in programs:
                inside = Path(f"/proc/{pid}/exe" if path == self.program else f"/proc/{pid}/root{path}")
                programs[path] = _symbols.program(inside, path)
        if programs.get(self.program) is None:
            return ""
        frames = _symbols.Frames(parts, programs, self.program)
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
