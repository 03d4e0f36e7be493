"""Which stretch of a run is judged."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Phase, Recording
from loadlab.signals.missing import Missing

SETTLE_S = 1.0
"""Cut from the start of the window: after a change of users, queues need a moment to fill. One second is several
hundred round trips of a web service."""

SHORTEST_S = 2.0
"""Below this, per-second counters give fewer than three points."""

ORDER = ("steady", "stacks", "proof", "more_users", "search", "warmup")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the run, seconds since its start, and the phase it is of."""

    start: float
    end: float
    phase: str = "steady"

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


def measured(recording: Recording) -> Window:
    """The steady phase without its first second; of a run cut off earlier, the last part seen. Raises Missing."""
    for name in ORDER:
        phase = recording.phase(name)
        if phase is not None and phase.end - phase.start >= SHORTEST_S:
            return _cut(phase)
    raise Missing("the run ended before any load was measured")


def constant_load(recording: Recording) -> Window:
    """From the start of the steady phase to the end of the stacks phase: the longest stretch at one level that no
    experiment disturbed. Raises Missing."""
    window = measured(recording)
    stacks = recording.phase("stacks")
    end = max(window.end, stacks.end) if window.phase == "steady" and stacks is not None else window.end
    return Window(window.start, end, window.phase)


def _cut(phase: Phase) -> Window:
    start = phase.start
    if phase.name in ("search", "warmup"):
        # A run killed while it still searched: only its last level is anything like steady.
        start = max(start, phase.end - 4.0)
    settle = min(SETTLE_S, (phase.end - start) / 4)
    return Window(start + settle, phase.end, phase.name)
