"""What each thread did with its time in the measured window, from samples of its state taken from outside.

Loop busy, for any program built on epoll or on accept, in any language: the share of samples in which its serving
thread was not waiting for work. Busy and on CPU is CPU-bound; busy and not on CPU is a blocking call.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from loadlab.recording.model import THREAD_STATES, Entity, Recording, Series
from loadlab.signals import passing
from loadlab.signals._once import once
from loadlab.signals.far_ends import left_unread
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, per_second
from loadlab.signals.windows import Window, measured

BLOCKED = ("futex", "sleep", "socket_wait", "file_io", "lock_file", "wait_child")

FEWEST_SAMPLES = 30
"""A share from fewer samples has a standard error over 9 points: not enough to tell 60% from 80%."""

NUMBER = re.compile(r"\d+$")
"""What tells threads of a pool apart by name. LONGEST: the kernel keeps so many letters (TASK_COMM_LEN, less one)."""
LONGEST = 15

TURN = 0.05
"""Share of the window in epoll from which on a thread has its turn there: a blocked loop comes back a few times."""

NO_WORK = 0.001
"""Cores below which a thread did nothing: a millisecond a second is less than its timers take."""

STOOD = 0.5
"""Share of its time in a futex from which on a thread that takes turns at epoll may be one there is no work for."""

READ = 0.2
"""Share of the looks at which a service has not read all that was sent to it, up to which whoever takes its requests
has time: where a loop stands still, the next question lies there meanwhile."""

EVER_IDLE = 5
"""Samples over the whole run in which a thread waited for work, from which on it counts as one that serves. A saturated
loop is caught in epoll in under 1% of samples, but start-up and the low levels of the search always show it idle."""


@dataclass(frozen=True)
class ThreadState:
    """One thread. `share`: fraction of samples per state. cores, run_delay: seconds per second."""

    entity: Entity
    samples: float
    share: dict[str, float]
    cores: float
    run_delay: float
    runs_per_s: float | None
    """How often it was put on a CPU; None where the recording does not say."""
    handed: bool
    """Whether it was ever seen in a futex for long enough to have waited there for work."""
    serves: str
    """"epoll": waits for work in epoll; "accept": in accept, or in poll or epoll on listeners only, and does the work
    itself; "" : neither was ever seen."""
    passing: bool = False
    """Whether it stands for threads that come and go (signals/passing)."""
    parked: bool = False
    """Whether it takes turns at epoll with others of its process (Go's, tokio's): a futex is then its wait for its
    turn."""

    @property
    def awake(self) -> float:
        """Share of time neither in epoll nor in accept."""
        return max(0.0, 1.0 - self.share["idle_epoll"] - self.share["idle_accept"])

    @property
    def busy(self) -> float:
        """Share of time not waiting for work."""
        return max(0.0, self.awake - (self.share["futex"] if self.parked else 0.0))

    @property
    def blocked(self) -> float:
        """Share of time stopped in a call that is not the wait for work."""
        return sum(self.share[name] for name in BLOCKED if not (self.parked and name == "futex"))

    @property
    def blocked_in(self) -> str:
        """The commonest of the blocked states."""
        return max(BLOCKED, key=lambda name: self.share[name])

    @property
    def on_cpu(self) -> float:
        """Share of time running or ready to run."""
        return self.share["running"]


@dataclass(frozen=True)
class Wait:
    """A thread blocked on a peer: share of the thread's samples."""

    entity: Entity
    peer: str
    share: float


@dataclass(frozen=True)
class Threads:
    """All threads with enough samples, and what they were blocked on."""

    all: tuple[ThreadState, ...]
    waits: tuple[Wait, ...] = field(default=())

    def of(self, service: str, pid: int | None = None) -> tuple[ThreadState, ...]:
        """Threads of a service or one of its processes, busiest first."""
        mine = (each for each in self.all if each.entity.service == service and pid in (None, each.entity.pid))
        return tuple(sorted(mine, key=lambda each: (-each.cores, -each.busy)))

    def serving(self, service: str, pid: int | None = None) -> tuple[ThreadState, ...]:
        """Threads that wait for work in epoll or accept."""
        return tuple(each for each in self.of(service, pid) if each.serves)

    def loop(self, service: str, pid: int) -> ThreadState | None:
        """The event loop of a process: its epoll thread that does the most; None where it has none."""
        loops = [each for each in self.of(service, pid) if each.serves == "epoll"]
        return max(loops, key=lambda each: (each.busy, each.cores), default=None)

    def polling(self, service: str, pid: int) -> float | None:
        """How busy a process's event loop is, the busiest of several; None where it has none."""
        loop = self.loop(service, pid)
        return loop.busy if loop is not None else None

    def peers(self, entity: Entity) -> tuple[Wait, ...]:
        """What a thread was blocked on, longest first."""
        mine = (each for each in self.waits if each.entity.pid == entity.pid and each.entity.tid == entity.tid)
        return tuple(sorted(mine, key=lambda each: -each.share))


def compute(recording: Recording, within: Window | None = None, fewest: int | None = None) -> Threads:
    """within: another stretch than the measured window. Threads with fewer samples in it (FEWEST_SAMPLES) are left out.
    Raises Missing where thread states were not sampled."""
    if within is None and fewest is None:
        return of_measured_window(recording)
    return _within(recording, within or measured(recording), FEWEST_SAMPLES if fewest is None else fewest)


@once
def of_measured_window(recording: Recording) -> Threads:
    """Those of most rules."""
    return _within(recording, measured(recording), FEWEST_SAMPLES)


def _within(recording: Recording, window: Window, fewest: int) -> Threads:
    samples = {each.entity: each for each in recording.series("threads.samples")}
    if not samples:
        raise Missing("thread states were not sampled")
    columns = {
        name: {each.entity: each for each in recording.series(f"threads.{name}")}
        for name in (*THREAD_STATES, "cpu_s", "run_delay_s", "watches", "runs")
    }
    looks = {entity: increase(series, window) for entity, series in samples.items()}
    pools = {
        each: shares
        for mine in _pools(looks, fewest)
        for shares in [_shares(columns, mine, looks, window)]
        for each in mine
    }
    found, crowds = [], []
    for entity, count in looks.items():
        if count < fewest and entity not in pools:
            continue
        states = pools.get(entity) or _shares(columns, [entity], looks, window)
        stands = sum(states[name] for name in BLOCKED)
        if entity.tid == passing.ONE:
            crowds.append(ThreadState(entity, count, states, 0.0, 0.0, None, False, "", passing=True))
            continue
        found.append(
            ThreadState(
                entity,
                count,
                states,
                _per_s(columns, entity, "cpu_s", window),
                _per_s(columns, entity, "run_delay_s", window),
                _per_s(columns, entity, "runs", window) if entity in columns["runs"] else None,
                _last(columns["futex"].get(entity)) >= EVER_IDLE,
                _serves(columns, entity, stands),
            )
        )
    found += [slot for each in crowds for slot in _slots(recording, window, each, found)]
    if not found:
        raise Missing(f"no thread was sampled {fewest} times in the window")
    unread = left_unread(recording, window)
    return Threads(_turns(found, unread), _waits(recording, window, {each.entity: each.samples for each in found}))


def _shares(
    columns: Mapping[str, Mapping[Entity, Series]], threads: list[Entity], looks: Mapping[Entity, float], window: Window
) -> dict[str, float]:
    """Of the looks at these threads, how many found them in each state."""
    seen = sum(looks[each] for each in threads)
    return {
        name: sum(increase(columns[name][each], window) for each in threads if each in columns[name]) / seen
        for name in THREAD_STATES
    }


def _pools(looks: Mapping[Entity, float], fewest: int) -> list[list[Entity]]:
    """Threads that were each seen too rarely, where those of their pool together were seen often enough: what they all
    did is what each did in the mean. Of a pool are those whose names differ by a number, or were cut before it; where
    threads are called as the first one is, nobody named them, and they may be anything."""
    first = {(each.service, each.instance, each.pid): each.name for each in looks if each.tid == each.pid}
    found: dict[tuple[str, int, int, str], list[Entity]] = defaultdict(list)
    for each, count in looks.items():
        process = (each.service, each.instance, each.pid)
        stem = NUMBER.sub("", each.name)
        numbered = stem != each.name or len(each.name) >= LONGEST
        if 0 < count < fewest and numbered and each.tid != passing.ONE and first.get(process) != each.name:
            found[*process, stem].append(each)
    return [mine for mine in found.values() if len(mine) > 1 and sum(looks[each] for each in mine) >= fewest]


def _slots(recording: Recording, window: Window, crowd: ThreadState, found: list[ThreadState]) -> list[ThreadState]:
    row = crowd.entity
    slots = passing.numbered(row, passing.at_a_time(recording, window, row))
    others = [each.cores for each in found if each.entity.pid == row.pid]
    cores = passing.cores(recording, window, row, others)
    return [replace(crowd, entity=each, samples=crowd.samples / len(slots), cores=cores / len(slots)) for each in slots]


def _turns(found: list[ThreadState], unread: Mapping[str, float]) -> tuple[ThreadState, ...]:
    """Who of several threads in epoll is parked while it is another's turn. One that works, and never comes back to
    epoll, stands in its futex for somebody; unless all is read that was sent to its service: then it is one too many
    (Go's, gRPC's event engine)."""
    loops = Counter((each.entity.service, each.entity.pid) for each in found if each.serves == "epoll")
    several = {process for process, count in loops.items() if count > 1}
    return tuple(
        replace(each, parked=_parked(each, unread.get(each.entity.service, 1.0)))
        if each.serves == "epoll" and (each.entity.service, each.entity.pid) in several
        else each
        for each in found
    )


def _parked(each: ThreadState, unread: float) -> bool:
    spare = each.share["futex"] >= STOOD and unread <= READ
    return each.share["idle_epoll"] >= TURN or each.cores < NO_WORK or spare


def _per_s(columns: dict[str, dict[Entity, Series]], entity: Entity, name: str, window: Window) -> float:
    series = columns[name].get(entity)
    return per_second(series, window) if series is not None else 0.0


def _serves(columns: dict[str, dict[Entity, Series]], entity: Entity, stands: float) -> str:
    """Over the whole run, not the window: a saturated loop is hardly ever caught waiting. A loop has its connections in
    its epoll, also while it works for one of them. Who has none there, and stands in calls, works for one at a time
    (uWSGI's workers); who has none and hands each on to other threads is as a loop is."""
    epoll = _last(columns["idle_epoll"].get(entity))
    accept = _last(columns["idle_accept"].get(entity))
    if max(epoll, accept) < EVER_IDLE:
        return ""
    watches = columns["watches"].get(entity)
    only_listens = watches is not None and _last(watches) == 0 and stands >= TURN
    return "epoll" if epoll >= accept and not only_listens else "accept"


def _last(series: Series | None) -> float:
    return float(series.v[-1]) if series is not None and len(series.v) else 0.0


def _waits(recording: Recording, window: Window, samples: dict[Entity, float]) -> tuple[Wait, ...]:
    by_thread: dict[tuple[int, int], dict[Entity, float]] = defaultdict(dict)
    for entity, count in samples.items():
        by_thread[entity.pid, max(entity.tid, passing.ONE)][entity] = count
    found = []
    for series in recording.series("waits.samples"):
        mine = by_thread.get((series.entity.pid, series.entity.tid), {})
        share = increase(series, window) / sum(mine.values()) if mine else 0.0
        if share >= 0.02:
            found += [Wait(entity, series.entity.name, share) for entity in mine]
    return tuple(found)
