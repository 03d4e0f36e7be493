"""Ctrl-C, SIGTERM and a closed terminal, all the same: stop everything, keep the recording."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible(note: Callable[[str], None]) -> Iterator[None]:
    """The first signal raises KeyboardInterrupt. The second, while services are being stopped, is only noted: it would
    cut their stopping short. The third is heeded again; what is left then falls to the guardian.

    A signal that is ignored stays ignored (`nohup loadlab run`).
    """
    seen = 0

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen != 2:
            raise KeyboardInterrupt
        note("stopping what was started, this takes up to 5 s; once more to leave at once")

    kept = {each: signal.getsignal(each) for each in SIGNALS}
    try:
        for each, before in kept.items():
            if before is not signal.SIG_IGN:
                signal.signal(each, stop)
        yield
    finally:
        for each, before in kept.items():
            signal.signal(each, before)
