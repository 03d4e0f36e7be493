"""What many signals stand on is computed once for a recording, whoever asks. Recordings do not change."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from loadlab.recording.model import Recording
from loadlab.signals.missing import Missing

T = TypeVar("T")


def once(compute: Callable[[Recording], T]) -> Callable[[Recording], T]:
    """The same function; that a signal is Missing is remembered, too. What it returns must not hold the recording."""
    known: WeakKeyDictionary[Recording, T | Missing] = WeakKeyDictionary()

    @wraps(compute)
    def remembered(recording: Recording) -> T:
        if recording not in known:
            try:
                known[recording] = compute(recording)
            except Missing as missing:
                known[recording] = Missing(*missing.args)
        found = known[recording]
        if isinstance(found, Missing):
            raise Missing(*found.args)
        return found

    return remembered
