"""Threads that are started for a piece of work and end with it, as those of a server with a thread for each request.

None of them lives long enough to be told by itself. So they are counted together: several times a second, how many
there are, and what each does at that moment; a look at each thread there is weighs all moments of all lives alike.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from loadlab.probes._syscalls import Doing
from loadlab.probes._tree import Member

FEWEST = 3
"""Threads of a process that ended within a tick or two of their beginning, from which on it starts them for its work.
One or two may be of its own start."""

OFTEN = 5
"""Rounds of the engine for each look at them: about twenty a second. Each costs a listing, and three calls a thread."""

MOST = 32
"""Threads looked at in one round, drawn by lot where there are more."""

PEERS = 50
"""Different ones that are kept."""

NAME = "passing"


@dataclass
class Crowd:
    """The passing threads of one process. looks: how often they were counted; alive: sum of what was found; samples,
    states, peers: as of a thread, over all that were looked at."""

    member: Member
    looks: int = 0
    alive: int = 0
    samples: int = 0
    states: Counter[str] = field(default_factory=Counter)
    peers: Counter[str] = field(default_factory=Counter)


class Passing:
    """The crowds, by pid. Nobody's lock: the engine's guards it."""

    def __init__(self, tids: Callable[[int], list[int]]) -> None:
        self.crowds: dict[int, Crowd] = {}
        self._tids = tids
        self._random = random.Random()  # noqa: S311 - a choice of threads, not a secret
        self._tick = 0
        self._since: dict[tuple[int, int], int] = {}
        self._ended: Counter[int] = Counter()
        self._round = 0

    def refresh(self, found: dict[tuple[int, int], Member]) -> set[tuple[int, int]]:
        """Once a tick, with all threads there are: those of them that are to be told by themselves."""
        self._tick += 1
        pids = {pid for pid, _ in found}
        for key in [each for each in self._since if each not in found]:
            if self._since.pop(key) >= self._tick - 2 and key[0] in pids:
                self._ended[key[0]] += 1
        for key, member in found.items():
            self._since.setdefault(key, self._tick)
            if self._ended[key[0]] >= FEWEST and key[0] not in self.crowds:
                self.crowds[key[0]] = Crowd(member)
        for pid in [each for each in self.crowds if each not in pids]:
            del self.crowds[pid]
        return {key for key in found if key[0] not in self.crowds or self._since[key] <= self._tick - 2}

    def round(self, known: Collection[tuple[int, int]], look: Callable[[Member, int], Doing | None]) -> None:
        """Count them, every so often. known: those that are told by themselves."""
        self._round += 1
        if self._round % OFTEN:
            return
        for pid, crowd in self.crowds.items():
            there = [tid for tid in self._tids(pid) if (pid, tid) not in known]
            crowd.looks += 1
            crowd.alive += len(there)
            for tid in there if len(there) <= MOST else self._random.sample(there, MOST):
                seen = look(crowd.member, tid)
                if seen is not None:
                    crowd.samples += 1
                    crowd.states[seen.state] += 1
                    if seen.peer and (seen.peer in crowd.peers or len(crowd.peers) < PEERS):
                        crowd.peers[seen.peer] += 1
