"""A pipe that is full: whoever writes into it waits for whoever reads it. Another thread for the writing waits as well,
and what it has not written yet piles up."""

from __future__ import annotations

from collections.abc import Iterable

from loadlab.recording.model import FULL_PIPE
from loadlab.rules._words import whom
from loadlab.signals.threads import Wait

MOSTLY = 0.5
"""Share of a thread's time in which it waits for the reader, from which on that decides."""

READER = whom(FULL_PIPE)

ADVICE = (
    "Let the reader of the pipe keep up (see what it does with each line), or write less: fewer lines, shorter ones. "
    "A thread and a queue for the writing keep requests going for as long as the queue has room: give it an end, and "
    "drop what is beyond."
)


def full(waits: Iterable[Wait]) -> bool:
    """Whether that is what the threads of these waits mostly do."""
    top = max(waits, key=lambda one: one.share, default=None)
    return top is not None and top.peer == FULL_PIPE and top.share >= MOSTLY
