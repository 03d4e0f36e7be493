"""What many signals stand on is computed once for a recording, whoever asks. Recordings do not change."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from loadlab.recording.model import Recording
from loadlab.signals.missing import Missing

T = TypeVar("T")


class Once(Generic[T]):
    """A function of a recording that is computed once for each; that a signal is Missing is remembered, too. What it
    returns must not hold the recording."""

    def __init__(self, compute: Callable[[Recording], T]) -> None:
        self._compute = compute
        self._known: WeakKeyDictionary[Recording, T | Missing] = WeakKeyDictionary()
        update_wrapper(self, compute)

    def __call__(self, recording: Recording) -> T:
        """What it says of this one. Raises Missing."""
        if recording not in self._known:
            try:
                self._known[recording] = self._compute(recording)
            except Missing as missing:
                self._known[recording] = Missing(*missing.args)
        found = self._known[recording]
        if isinstance(found, Missing):
            raise Missing(*found.args)
        return found

    def carry(self, recording: Recording, copy: Recording) -> None:
        """What is known of a recording holds for its copy."""
        if recording in self._known:
            self._known[copy] = self._known[recording]


once = Once
"""As a decorator."""
