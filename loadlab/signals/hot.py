"""Where the user's code spends its CPU, and where its threads stand still: function, file, line.

The *user's* frame is blamed, not the library's: in each sample the innermost frame of a file that belongs to the
service.
A file belongs to it unless it lies in an interpreter's library or in an installed package.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from loadlab.recording.model import Frame, Recording, ServiceMeta, Stacks
from loadlab.signals import heaviest
from loadlab.signals.frames import (
    LIBRARIES,
    asks,
    bare,
    imports,
    in_function,
    is_users,
    shown,
    users_frame,
    waits_for_work,
    with_results,
)
from loadlab.signals.missing import Missing

FEWEST = 20
"""Samples below which no line is named: at 20, a share of one half has a standard error of 11 points."""

MOST = 0.4
"""Share of a service's CPU from which on a package's function is what it goes into: below, it is one of several, such
as a middleware that wraps all the others."""


@dataclass(frozen=True)
class Line:
    """One of the user's functions. share: of the samples looked at; line: the commonest line within it."""

    function: str
    file: str
    line: int
    share: float
    library: str
    """The innermost frame below it where that is a library's: what it called, e.g. "sleep (time)"."""


@dataclass(frozen=True)
class Profile:
    """One service. cpu: by share of samples that held the interpreter; still: by share of the samples of threads that
    stood in user code without running, all threads of the service together; connecting: share of CPU samples inside
    connection set-up, busiest_connecting: of those of the thread in `busiest`."""

    service: str
    cpu: tuple[Line, ...]
    still: tuple[Line, ...]
    cpu_samples: int
    connecting: float
    threads_on_cpu: int
    """Threads that hold at least a twentieth of the CPU samples each, or half of what the busiest one does."""
    busiest: tuple[Line, ...] = ()
    """Where the thread with the most CPU samples was, whether it held the interpreter or not."""
    busiest_samples: int = 0
    interpreter: bool = False
    """Whether it has a lock that only one thread of a process holds: Python's."""
    busiest_connecting: float = 0.0
    at_work: tuple[Line, ...] = ()
    """Where threads were that did not wait for work, whether they held the interpreter or not."""
    outside: Line | None = None
    """The function of an installed package that most of the CPU goes into while none of the user's own is on the stack:
    a framework's that makes JSON of what a handler has returned."""
    around: Line | None = None
    """The innermost of the user's functions below which half of the CPU goes that the user's code takes: what calls
    several that cost alike."""
    importing: float = 0.0
    """Share of CPU samples in which Python loads a module: once for a process, so hardly ever while it serves."""

    @property
    def is_native(self) -> bool:
        """Whether the busiest thread hardly ever held the interpreter: if it is full of CPU work, that is native code
        which lets go of it."""
        return self.busiest_samples >= FEWEST and self.cpu_samples < HOLDS * self.busiest_samples


@dataclass(frozen=True)
class Hot:
    """Profiles by service; only services whose stacks could be read."""

    services: dict[str, Profile]
    held: dict[int, float] = field(default_factory=dict)
    """By pid of Python processes: share of the time in which a thread held the interpreter."""
    main_only: frozenset[int] = frozenset()
    """Processes whose first thread alone is read: V8's profiler sees none of worker_threads."""
    read: frozenset[int] = frozenset()
    """Processes that were seen on CPU."""
    processes: dict[int, Profile] = field(default_factory=dict)
    """The same by pid, of services of which several processes were read: they need not be alike."""

    def within(self, service: str, pid: int) -> Hot:
        """As far as one process of a service is concerned, where enough is known of it."""
        own = self.processes.get(pid)
        if own is None or own.cpu_samples < FEWEST:
            return self
        return replace(self, services={**self.services, service: own})

    def hottest(self, service: str) -> Line | None:
        """The user's function with the most CPU; None where none is known."""
        profile = self.services.get(service)
        return profile.cpu[0] if profile and profile.cpu and profile.cpu_samples >= FEWEST else None

    def around(self, service: str) -> Line | None:
        """The user's function below which most of the CPU of the user's code goes, be it in what it calls."""
        profile = self.services.get(service)
        return profile.around if profile is not None and profile.cpu_samples >= FEWEST else None

    def running(self, service: str) -> Line | None:
        """The same for a service known to be full of CPU work in one thread. Where that thread hardly ever held the
        interpreter, its CPU goes into native code that lets go of it (hashing, compressing): then wherever it was."""
        profile = self.services.get(service)
        return profile.busiest[0] if profile and profile.busiest and profile.is_native else self.hottest(service)

    def native(self, service: str) -> Line | None:
        """The user's function in which most of the threads at work were: where the CPU goes of a process that uses more
        of it than the interpreter can. Where there is none, or no such samples, the hottest."""
        profile = self.services.get(service)
        return profile.at_work[0] if profile and profile.interpreter and profile.at_work else self.hottest(service)

    def outside(self, service: str) -> Line | None:
        """What an installed package does by itself, where that is most of a service's CPU."""
        profile = self.services.get(service)
        found = profile.outside if profile is not None and profile.cpu_samples >= FEWEST else None
        return found if found is not None and found.share >= MOST else None

    def connecting(self, service: str, *, full: bool) -> float:
        """Share of its CPU that goes into setting up connections; full: one thread of it is known to use up a core. A
        TLS context reads its certificates in native code."""
        profile = self.services.get(service)
        if profile is None:
            return 0.0
        return profile.busiest_connecting if full and profile.is_native else profile.connecting

    def standing(self, service: str) -> Line | None:
        """The user's function in which threads stand still most."""
        profile = self.services.get(service)
        return profile.still[0] if profile and profile.still else None

    def standing_in(self, service: str, pid: int) -> Line | None:
        """The same of what was seen in one of its processes."""
        profile, own = self.services.get(service), self.processes.get(pid)
        if profile is None or own is None:
            return self.standing(service)
        mine = {(each.function, each.file): each for each in own.still}
        return next(
            (mine[each.function, each.file] for each in profile.still if (each.function, each.file) in mine), None
        )


HOLDS = 1.0
"""Samples that held the interpreter for each sample of the same thread at work. The profiler takes the former at twice
the rate (probes/_pyspy.RATES), so 2 for a thread that does nothing but Python: at 1 it lets go half of the time."""


def compute(recording: Recording) -> Hot:
    """Raises Missing where no stacks were taken."""
    if not recording.stacks:
        raise Missing("no stacks were taken")
    services: dict[str, Profile] = {}
    processes: dict[int, Profile] = {}
    for meta in recording.meta.services:
        mine = [with_results(meta, each) for each in recording.stacks if each.service == meta.name]
        if mine:
            services[meta.name] = _profile(meta, mine)
        pids = {each.pid for each in mine}
        if len(pids) > 1:
            processes |= {pid: _profile(meta, [each for each in mine if each.pid == pid]) for pid in pids}
    read = frozenset(each.pid for each in recording.stacks if each.on_cpu and each.samples)
    return Hot(services, _held(recording), _main_only(recording), read, processes)


def _main_only(recording: Recording) -> frozenset[int]:
    profiled = [each for each in recording.stacks if each.mode == "cpu" and each.samples]
    return frozenset(each.pid for each in profiled if all(thread == "main" for thread, _, _ in each.samples))


def _held(recording: Recording) -> dict[int, float]:
    holders: Counter[int] = Counter()
    looks: Counter[int] = Counter()
    for each in recording.stacks:
        if each.mode == "gil":
            holders[each.pid] += _count([each])
        elif not each.on_cpu:
            looks[each.pid] = max(looks[each.pid], how_often(each))
    return {pid: min(1.0, holders[pid] / (FOR_HOLDER * looks[pid])) for pid in holders if looks[pid] > 0}


FOR_HOLDER = 2.0
"""Looks for who holds the interpreter for each look at all threads (probes/_pyspy.RATES)."""


def how_often(stacks: Stacks) -> int:
    """How often was looked at all threads: the one seen most often was seen each time."""
    seen: Counter[str] = Counter()
    for thread, _, count in stacks.samples:
        seen[thread] += count
    return max(seen.values(), default=0)


ALIKE = 0.5
"""Of the busiest thread's CPU samples: what each of many equal threads comes to, of whom none has a twentieth."""


def _profile(meta: ServiceMeta, stacks: list[Stacks]) -> Profile:
    gil = [each for each in stacks if each.on_cpu]
    everything = [each for each in stacks if not each.on_cpu]
    cpu_samples = _count(gil)
    threads: Counter[tuple[int, str]] = Counter()
    for each in gil:
        for thread, _, count in each.samples:
            threads[(each.pid, thread)] += count
    top = max(threads, key=lambda each: threads[each], default=(0, ""))
    same = [
        replace(each, samples=tuple(one for one in each.samples if one[0] == top[1] and _works(one)))
        for each in everything
        if each.pid == top[0]
    ]
    working = [replace(each, samples=tuple(filter(_works, each.samples))) for each in everything]
    least = max(2.0, min(0.05 * cpu_samples, ALIKE * threads[top]))
    per_process = Counter(pid for (pid, _), count in threads.items() if count >= least)
    return Profile(
        meta.name,
        _lines(meta, gil, idle=False),
        _lines(meta, everything, idle=True),
        cpu_samples,
        _connecting(gil),
        max(per_process.values(), default=0),
        _lines(meta, same, idle=False),
        _count(same),
        any(each.mode == "gil" for each in stacks),
        _connecting(same),
        _lines(meta, working, idle=False) if _count(working) >= FEWEST else (),
        _outside(meta, gil),
        _around(meta, gil),
        _importing(gil),
    )


def _outside(meta: ServiceMeta, stacks: list[Stacks]) -> Line | None:
    samples = [
        (frames, count)
        for each in stacks
        for _, frames, count in filter(_works, each.samples)
        if users_frame(meta, frames) is None
    ]
    found = heaviest.end(samples)
    # What only runs others, such as an event loop, is the interpreter's own.
    if found is None or not any(name in PurePath(found[0].file).parts for name in LIBRARIES):
        return None
    frame, count = found
    return Line(bare(frame.function), shown(meta, frame.file), 0, count / _count(stacks), "")


def _around(meta: ServiceMeta, stacks: list[Stacks]) -> Line | None:
    mine = [
        (tuple(frame for frame in frames if is_users(frame.file, meta.cwd)), count)
        for each in stacks
        for _, frames, count in each.samples
    ]
    found = heaviest.end([(frames, count) for frames, count in mine if frames])
    if found is None or bare(found[0].function) in ENTRY_POINTS:
        return None
    top, count = found
    lines: Counter[int] = Counter()
    for frames, times in mine:
        lines.update(
            {frame.line: times for frame in frames if (frame.function, frame.file) == (top.function, top.file)}
        )
    line = max(lines, key=lambda each: (lines[each], -each))
    return Line(top.function, shown(meta, top.file), line, count / _count(stacks), "")


def _count(stacks: list[Stacks]) -> int:
    return sum(count for each in stacks for _, _, count in each.samples)


def _connecting(stacks: list[Stacks]) -> float:
    total = inside = 0
    for each in stacks:
        for _, frames, count in each.samples:
            total += count
            inside += count if any(bare(frame.function) in CONNECTS for frame in frames) else 0
    return inside / total if total else 0.0


def _importing(stacks: list[Stacks]) -> float:
    total = _count(stacks)
    inside = sum(count for each in stacks for _, frames, count in each.samples if any(map(imports, frames)))
    return inside / total if total else 0.0


def lines(meta: ServiceMeta, stacks: list[Stacks]) -> tuple[Line, ...]:
    """The user's functions in these samples, most of them first."""
    return _lines(meta, stacks, idle=False)


def _works(sample: tuple[str, tuple[Frame, ...], int]) -> bool:
    frames = sample[1]
    return bool(frames) and not waits_for_work(frames[-1])


CONNECTS = frozenset(
    {
        "connect",
        "create_connection",
        "open_connection",
        "sock_connect",
        "getaddrinfo",
        "do_handshake",
        "wrap_socket",
        "start_tls",
        "load_verify_locations",
        "create_default_context",
        "connect_tcp",
        "_create_connection_transport",
        "_new_conn",
    }
)
"""Functions of Python's own and of common clients that set up a connection; seen in stacks, never in the user's
names."""


ENTRY_POINTS = ("<module>", "main")


def _lines(meta: ServiceMeta, stacks: list[Stacks], *, idle: bool) -> tuple[Line, ...]:
    """idle: only samples that are in the user's code and whose innermost frame waits for no new work."""
    total = 0  # samples looked at; of threads that stand still, only those in the user's code
    where: Counter[tuple[str, str]] = Counter()
    lines: Counter[tuple[str, str, int]] = Counter()
    below: dict[tuple[str, str], Counter[tuple[str, str, bool]]] = defaultdict(Counter)  # what is called there
    for each in stacks:
        for _, frames, count in each.samples:
            index = users_frame(meta, frames)
            total += count if index is not None or not idle else 0
            if index is None:
                continue
            frame = in_function(frames, index)
            where[(frame.function, frame.file)] += count
            lines[(frame.function, frame.file, frame.line)] += count
            if index < len(frames) - 1:
                below[frame.function, frame.file][_called(meta, frames, index)] += count
    found = []
    for (function, file), count in where.most_common(20):
        line = max((key for key in lines if key[:2] == (function, file)), key=lambda key: (lines[key], -key[2]))[2]
        line = 0 if PurePath(file).suffix in TEMPLATES else line
        called = below[function, file]
        name, where_to, waits = max(called, key=lambda key: (called[key], key), default=("", "", False))
        # With `idle`, entry points that merely run the loop (main -> run -> select) are the user's frames too: they are
        # in nearly every sample of their thread and wait for work.
        if not (idle and (function in ENTRY_POINTS or waits)):
            library = f"{name} ({_module(where_to)})" if where_to else name
            found.append(Line(function, shown(meta, file), line, count / total if total else 0.0, library))
    return tuple(found)


def _called(meta: ServiceMeta, frames: tuple[Frame, ...], index: int) -> tuple[str, str, bool]:
    """What is called from the frame of this index, as function and file, and whether that waits for new work: the
    innermost function; of a thread that asks for a lock or a thing, where it asks."""
    asked = asks(meta, frames, index) in ("lock", "thing")
    inner = frames[index + 1] if asked else frames[-1]
    return inner.function, inner.file, not asked and waits_for_work(inner)


def _module(file: str) -> str:
    """ "/usr/lib/python3.11/logging/__init__.py" -> "logging"."""
    path = PurePath(file)
    return path.parent.name if path.stem == "__init__" else path.stem


TEMPLATES = frozenset({".html", ".htm", ".xml", ".svg", ".txt", ".j2", ".jinja", ".jinja2", ".mako", ".tmpl", ".tpl"})
"""Files that engines compile to Python under their own name: the lines in stacks are those of what was compiled."""
