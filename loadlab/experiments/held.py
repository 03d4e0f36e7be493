"""The processes an experiment may stop, each held by a pidfd from its first window to the experiment's end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path


class Held:
    """pidfds stay open until `release`, which continues every process that was ever slowed: also when what stops and
    continues them was itself killed between the two."""

    def __init__(self, announce: Callable[[int], None], untouchable: Collection[int] = ()) -> None:
        """announce is told of a pid before it can be stopped for the first time."""
        self._announce = announce
        self._untouchable = own_line() | set(untouchable)
        self._pidfds: dict[int, int] = {}

    def hold(self, pids: Callable[[], Sequence[int]]) -> list[int]:
        """pidfds of all these processes that are alive and may be stopped."""
        found = [pid for pid in pids() if pid not in self._untouchable and self._hold(pid)]
        # Asked again: a pid that was given to a stranger before it was opened is not in this list.
        still = set(pids())
        for pid in [each for each in found if each not in still]:
            self._let_go(pid)
        for pid in [each for each in found if each in still]:
            self._announce(pid)
        return [self._pidfds[pid] for pid in found if pid in still]

    def release(self) -> None:
        """Everything runs again, and the descriptors are given back."""
        for pid in list(self._pidfds):
            self._let_go(pid)

    def _hold(self, pid: int) -> bool:
        known = self._pidfds.get(pid)
        if known is not None:
            if _alive(known):
                return True
            self._let_go(pid)
        try:
            self._pidfds[pid] = os.pidfd_open(pid)
        except OSError:
            return False
        return True

    def _let_go(self, pid: int) -> None:
        pidfd = self._pidfds.pop(pid)
        with suppress(OSError):
            signal.pidfd_send_signal(pidfd, signal.SIGCONT)
        os.close(pidfd)


def _alive(pidfd: int) -> bool:
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except OSError:
        return False
    return True


def own_line() -> set[int]:
    """This process and all it descends from: stopping one of them could stop the hand that continues it."""
    found, pid = {0, 1}, os.getpid()
    while pid not in found:
        found.add(pid)
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            pid = int(fields.split()[1])
        except (OSError, ValueError, IndexError):
            break
    return found
