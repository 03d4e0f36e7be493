"""Where the user's code spends its CPU, and where its threads stand still: function, file, line.

The *user's* frame is blamed, not the library's: in each sample the innermost frame of a file that belongs to the
service.
A file belongs to it unless it lies in an interpreter's library or in an installed package.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

from loadlab.recording.model import Frame, Recording, ServiceMeta, Stacks
from loadlab.signals.missing import Missing

BUILT_IN = ("node:", "wasm:", "evalmachine.", "jvm:", "jar:")
"""Before a file's name, or instead of it: by V8 for code that comes with Node, or from no file; by
probes/_threaddump.py for Java's own code and for libraries'."""
LIBRARIES = ("site-packages", "dist-packages", "node_modules")
FEWEST = 20
"""Samples below which no line is named: at 20, a share of one half has a standard error of 11 points."""

WAITS_FOR_WORK = frozenset({"select", "poll", "epoll_wait", "_run_once", "accept", "get", "wait", "_worker", "kevent"})
"""Innermost functions in which an idle loop or pool thread is found; what is above them is not the user's doing."""
JAVA_WAITS_FOR_WORK = WAITS_FOR_WORK - {"get"} | {"take"}
"""A queue's get is called take there; get is a future's: somebody works on it."""


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
    connection set-up."""

    service: str
    cpu: tuple[Line, ...]
    still: tuple[Line, ...]
    cpu_samples: int
    connecting: float
    threads_on_cpu: int
    """Threads that hold at least a twentieth of the CPU samples each."""
    busiest: tuple[Line, ...] = ()
    """Where the thread with the most CPU samples was, whether it held the interpreter or not."""
    busiest_samples: int = 0
    interpreter: bool = False
    """Whether it has a lock that only one thread of a process holds: Python's."""


@dataclass(frozen=True)
class Hot:
    """Profiles by service; only services whose stacks could be read."""

    services: dict[str, Profile]

    def hottest(self, service: str) -> Line | None:
        """The user's function with the most CPU; None where none is known."""
        profile = self.services.get(service)
        return profile.cpu[0] if profile and profile.cpu and profile.cpu_samples >= FEWEST else None

    def running(self, service: str) -> Line | None:
        """The same for a service known to be full of CPU work in one thread. Where that thread hardly ever held the
        interpreter, its CPU goes into native code that lets go of it (hashing, compressing): then wherever it was."""
        profile = self.services.get(service)
        if profile is None or not profile.busiest or profile.busiest_samples < FEWEST:
            return self.hottest(service)
        return profile.busiest[0] if profile.cpu_samples < HOLDS * profile.busiest_samples else self.hottest(service)

    def standing(self, service: str) -> Line | None:
        """The user's function in which threads stand still most."""
        profile = self.services.get(service)
        return profile.still[0] if profile and profile.still else None


HOLDS = 1.0
"""Samples that held the interpreter for each sample of the same thread at work. The profiler takes the former at twice
the rate (probes/_pyspy.RATES), so 2 for a thread that does nothing but Python: at 1 it lets go half of the time."""


def compute(recording: Recording) -> Hot:
    """Raises Missing where no stacks were taken."""
    if not recording.stacks:
        raise Missing("no stacks were taken")
    services: dict[str, Profile] = {}
    for meta in recording.meta.services:
        mine = [each for each in recording.stacks if each.service == meta.name]
        if mine:
            services[meta.name] = _profile(meta, mine)
    return Hot(services)


def _profile(meta: ServiceMeta, stacks: list[Stacks]) -> Profile:
    gil = [each for each in stacks if each.on_cpu]
    everything = [each for each in stacks if not each.on_cpu]
    cpu_samples = sum(count for each in gil for _, _, count in each.samples)
    threads: Counter[tuple[int, str]] = Counter()
    connecting = 0
    for each in gil:
        for thread, frames, count in each.samples:
            threads[(each.pid, thread)] += count
            connecting += count if any(bare(frame.function) in CONNECTS for frame in frames) else 0
    top = max(threads, key=lambda each: threads[each], default=(0, ""))
    same = [
        replace(each, samples=tuple(one for one in each.samples if one[0] == top[1] and _at_work(one[1])))
        for each in everything
        if each.pid == top[0]
    ]
    per_process = Counter(pid for (pid, _), count in threads.items() if count >= max(2, 0.05 * cpu_samples))
    return Profile(
        meta.name,
        _lines(meta, gil, idle=False),
        _lines(meta, everything, idle=True),
        cpu_samples,
        connecting / cpu_samples if cpu_samples else 0.0,
        max(per_process.values(), default=0),
        _lines(meta, same, idle=False),
        sum(count for each in same for _, _, count in each.samples),
        any(each.mode == "gil" for each in stacks),
    )


def lines(meta: ServiceMeta, stacks: list[Stacks]) -> tuple[Line, ...]:
    """The user's functions in these samples, most of them first."""
    return _lines(meta, stacks, idle=False)


def _at_work(frames: tuple[Frame, ...]) -> bool:
    return bool(frames) and not waits_for_work(frames[-1])


def waits_for_work(frame: Frame) -> bool:
    """Whether it is one of those, as the innermost frame of a thread."""
    java = frame.file.startswith(("jvm:", "jar:"))
    return bare(frame.function) in (JAVA_WAITS_FOR_WORK if java else WAITS_FOR_WORK)


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
    below: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)  # functions and files called there
    for each in stacks:
        for _, frames, count in each.samples:
            index = users_frame(meta, frames)
            total += count if index is not None or not idle else 0
            if index is None:
                continue
            frame = frames[index]
            where[(frame.function, frame.file)] += count
            lines[(frame.function, frame.file, frame.line)] += count
            inner = frames[-1]
            if inner is not frame:
                below[frame.function, frame.file][inner.function, inner.file] += count
    found = []
    for (function, file), count in where.most_common(20):
        line = max((key for key in lines if key[:2] == (function, file)), key=lambda key: (lines[key], -key[2]))[2]
        called = below[function, file]
        name, where_to = max(called, key=lambda key: (called[key], key), default=("", ""))
        # With `idle`, entry points that merely run the loop (main -> run -> select) are the user's frames too: they are
        # in nearly every sample of their thread and wait for work.
        if not (idle and (function in ENTRY_POINTS or waits_for_work(Frame(name, where_to, 0)))):
            library = f"{name} ({PurePath(where_to).stem})" if where_to else name
            found.append(Line(function, shown(meta, file), line, count / total if total else 0.0, library))
    return tuple(found)


def bare(function: str) -> str:
    """ "EpollSelector.select" -> "select"."""
    return function.rpartition(".")[2]


def users_frame(meta: ServiceMeta, frames: tuple[Frame, ...]) -> int | None:
    """Index of the innermost frame of the user's; None where the whole stack is a library's."""
    for index in range(len(frames) - 1, -1, -1):
        if is_users(frames[index].file, meta.cwd) and not frames[index].function.startswith("<frozen"):
            return index
    return None


def is_users(file: str, cwd: str = "") -> bool:
    """Whether a file is the user's own: not of the interpreter's library, not of an installed package, not frozen
    code. Below the service's folder only the way from there counts: the service may itself lie in a package."""
    if not file or file.startswith(("<", *BUILT_IN)):
        return False
    root = cwd.rstrip("/") + "/"
    parts = PurePath(file[len(root) :] if cwd and file.startswith(root) else file).parts
    if any(name in parts for name in LIBRARIES):
        return False
    library = any(part == "lib" and following.startswith("python3") for part, following in pairwise(parts))
    return not library


def shown(meta: ServiceMeta, file: str) -> str:
    """A path as people want it: relative to the service's folder where it lies below; of an installed package, from the
    package on."""
    for library in LIBRARIES[:2]:
        _, found, rest = file.rpartition(f"/{library}/")
        if found:
            return rest
    root = meta.cwd.rstrip("/") + "/"
    return file[len(root) :] if meta.cwd and file.startswith(root) else file
