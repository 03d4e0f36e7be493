"""Locks on files: how much of the time each is held, and how many threads wait for it.

Two ways to wait. In flock and fcntl a thread stands still in the kernel, which says so. SQLite asks again and again and
naps in between: its waiters are the napping threads of processes that are also seen to write to that file.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from loadlab.recording.model import Entity, Recording, Series
from loadlab.signals import threads
from loadlab.signals.rates import increase, peak
from loadlab.signals.threads import ThreadState
from loadlab.signals.waiting import FILE
from loadlab.signals.windows import Window, measured

NAP = "a nap"
"""What the probe calls a sleep of so long, as C sleeps (probes/_syscalls.py)."""

CALLER = "caller"


@dataclass(frozen=True)
class FileLock:
    """One file that a service's processes lock. held: share of the time one of them held it for writing; turns: how
    often a second one came to hold it; holders: processes that held it. waiting: threads that waited for it, mean;
    at_work: threads of these processes not waiting for work, for another thread or for their caller, mean. sqlite:
    whether it is waited for by asking again."""

    service: str
    path: str
    held: float
    turns: float
    holders: int
    waiting: float
    at_work: float
    sqlite: bool


def compute(recording: Recording) -> tuple[FileLock, ...]:
    """Those most waited for first. Raises Missing where thread states were not sampled."""
    window, states = measured(recording), threads.compute(recording)
    looks = {each.entity: increase(each, window) for each in recording.series("file_locks.looks")}
    columns = {name: _by_entity(recording, name) for name in ("held", "taken", "waited", "sqlite")}
    files: dict[tuple[str, str], list[Entity]] = defaultdict(list)
    for entity, count in looks.items():
        if count > 0:
            files[entity.service, entity.name].append(entity)
    for wait in states.waits:
        path = wait.peer.removeprefix(FILE)
        if path != wait.peer and wait.entity.service in _services(recording):
            files.setdefault((wait.entity.service, path), [])
    found = [_file(key, entities, looks, columns, states, window) for key, entities in files.items()]
    return tuple(sorted(found, key=lambda each: (-each.waiting, each.service, each.path)))


def _services(recording: Recording) -> set[str]:
    return {each.name for each in recording.meta.services}


def _by_entity(recording: Recording, name: str) -> dict[Entity, Series]:
    return {each.entity: each for each in recording.series(f"file_locks.{name}")}


def _file(
    key: tuple[str, str],
    entities: list[Entity],
    looks: dict[Entity, float],
    columns: dict[str, dict[Entity, Series]],
    states: threads.Threads,
    window: Window,
) -> FileLock:
    service, path = key

    def share(name: str) -> dict[int, float]:
        return {each.pid: increase(columns[name][each], window) / looks[each] for each in entities}

    held, waited = share("held"), share("waited")
    sqlite = any((peak(columns["sqlite"][each], window) or 0.0) > 0 for each in entities)
    standing = {each.pid: 0.0 for each in entities}
    for thread in states.of(service):
        mine = [each.share for each in states.peers(thread.entity) if each.peer == FILE + path]
        if mine:
            # A thread may also read this file: no more of its time than it stood at locks.
            pid = thread.entity.pid
            standing[pid] = standing.get(pid, 0.0) + min(mine[0], thread.share["lock_file"])
    concerned = [each for each in states.of(service) if each.entity.pid in standing]
    napping = sum(_for(states, each, NAP) for each in concerned) if sqlite else 0.0
    return FileLock(
        service,
        path,
        min(1.0, sum(held.values())),
        sum(increase(columns["taken"][each], window) for each in entities),
        sum(each > 0 for each in held.values()),
        max(sum(waited.values()), sum(standing.values())) + napping,
        sum(_at_work(states, each) for each in concerned),
        sqlite,
    )


def _for(states: threads.Threads, thread: ThreadState, peer: str) -> float:
    return sum(each.share for each in states.peers(thread.entity) if each.peer == peer)


def _at_work(states: threads.Threads, thread: ThreadState) -> float:
    return max(0.0, thread.awake - thread.share["futex"] - _for(states, thread, CALLER))
