"""Each process as a station of queueing theory: how busy the thread that serves is, and with what.

The serving thread is the one that waits for work in epoll or accept; where none was ever seen waiting, the thread with
the most CPU. A station is *full* when that thread has no time left: it runs, wants to run, or is blocked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from loadlab.recording.model import Entity, Recording
from loadlab.signals import cpu, threads
from loadlab.signals._once import once
from loadlab.signals.cpu import ProcessCpu
from loadlab.signals.missing import Missing
from loadlab.signals.threads import ThreadState

FULL = 0.90
"""A serving thread that waits for work less than a tenth of the time. An M/M/1 station at 0.9 already holds nine
requests on average; below it, more users still bring noticeably more throughput."""

ON_CPU = 0.75
"""CPU seconds per second of one thread from which on, if full, CPU is what fills it: less than a quarter of its time is
left for anything else, run delay included."""

STARVED = 0.20
"""Seconds per second a thread is ready but not running, from which on it fights for the cores rather than using one
up."""

WHOLE = 1.2
"""Cores of a Python process above which its threads cannot be sharing one interpreter lock."""

ONE_LOCK = {"ruby": "Ruby", "puma": "Ruby", "pypy": "Python"}
"""How the names of programs begin that run one thread of a language at a time (Ruby's GVL, PyPy's GIL)."""


@dataclass(frozen=True)
class Station:
    """One process. `thread` is its serving thread; None where no thread states were sampled for it. shares: its threads
    take turns with one interpreter lock. first: it is the one that was started; any other of its instance it made."""

    process: ProcessCpu
    thread: ThreadState | None
    shares: bool = False
    first: bool = False

    @property
    def entity(self) -> Entity:
        """The process."""
        return self.process.entity

    @property
    def unread_lock(self) -> str:
        """The language, where it is one that no profiler here reads and whose threads share one lock, as the name of
        the program tells: "ruby3.1", "puma", "pypy3". "" of any other."""
        words = self.entity.name.split(maxsplit=1)
        program = PurePath(words[0]).name if words else ""
        return next((language for begins, language in ONE_LOCK.items() if program.startswith(begins)), "")

    @property
    def thread_cores(self) -> float:
        """Cores of the serving thread."""
        return self.thread.cores if self.thread is not None else self.process.cores

    @property
    def run_delay(self) -> float:
        """Seconds per second its serving thread was ready but not running."""
        return self.thread.run_delay if self.thread is not None else self.process.run_delay

    @property
    def busy(self) -> float:
        """Share of time the serving thread did not wait for work. Without thread states: its CPU time and run delay."""
        if self.thread is not None and self.thread.serves:
            return self.thread.busy
        return min(1.0, self.thread_cores + self.run_delay)

    @property
    def taken(self) -> float:
        """Share of time in which nothing else can be begun here: the serving thread is busy, or others have the
        interpreter lock that it needs."""
        return max(self.busy, min(1.0, self.process.cores)) if self.shares else self.busy

    @property
    def full(self) -> bool:
        """No time left. CPU and run delay count too: a loop that polls epoll without waiting is seen there now and
        then."""
        return self.busy >= FULL or self.thread_cores + self.run_delay >= FULL

    @property
    def on_one_core(self) -> bool:
        """Full of CPU work in one thread, and it gets its core."""
        return self.full and self.thread_cores >= ON_CPU and self.run_delay < STARVED

    @property
    def starved(self) -> bool:
        """Would run more if it got a core."""
        return self.full and self.run_delay >= STARVED


@dataclass(frozen=True)
class Stations:
    """Every process of the user's services that did anything, busiest first; and the generator's."""

    all: tuple[Station, ...]
    generator: Station | None

    def of(self, service: str) -> tuple[Station, ...]:
        """Those of one service that did more than a twentieth of its busiest one's work."""
        mine = [each for each in self.all if each.entity.service == service]
        top = max((each.process.cores for each in mine), default=0.0)
        loops = [each for each in mine if each.thread is not None and each.thread.serves]
        working = [each for each in mine if each.process.cores > 0.05 * top or each in loops]
        return tuple(working)

    @property
    def services(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(sorted({each.entity.service for each in self.all}))


@once
def compute(recording: Recording) -> Stations:
    """Raises Missing where processes were not sampled; goes without thread states where those are missing."""
    used = cpu.compute(recording)
    try:
        states: threads.Threads | None = threads.compute(recording)
    except Missing:
        states = None
    python = {each.service for each in recording.stacks if each.mode == "gil"}
    started = {each.pid for each in recording.events if each.kind == "started"}
    found = [
        Station(
            process,
            _serving(states, process.entity),
            process.entity.service in python and process.cores <= WHOLE,
            process.entity.pid in started,
        )
        for service in used.services.values()
        for process in service.processes
    ]
    own = [each for each in cpu.processes(recording, used.window) if each.entity.service == "generator"]
    generator = max(own, key=lambda each: each.cores, default=None)
    return Stations(
        tuple(sorted(found, key=lambda each: -each.process.cores)),
        Station(generator, _serving(states, generator.entity)) if generator is not None else None,
    )


def _serving(states: threads.Threads | None, entity: Entity) -> ThreadState | None:
    if states is None:
        return None
    mine = states.of(entity.service, entity.pid)
    serving = [each for each in mine if each.serves]
    if serving:
        return max(serving, key=lambda each: (each.cores, each.busy))
    return mine[0] if mine else None
