"""Which stretch of a run is judged."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Level, Phase, Recording
from loadlab.signals.missing import Missing

SETTLE_S = 1.0
"""Cut from the start of the window: after a change of users, queues need a moment to fill. One second is several
hundred round trips of a web service."""

SHORTEST_S = 2.0
"""Below this, per-second counters give fewer than three points."""

HIGH = 0.8
"""Share of the most users that a locustfile's own shape asked for, from which on a level belongs to what is judged: a
shape that creeps up to its top has no long stretch at the very top."""

APART_S = 0.5
"""Between two phases that follow each other there is the time of a command."""

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
    """The steady phase without its first second, of a locustfile's own shape its highest part; of a run cut off
    earlier, the last part seen. Raises Missing."""
    if recording.meta.profile.get("shape") == "own":
        found = highest(recording.levels)
        if found is not None:
            return _cut(found)
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
    follows = window.phase == "steady" and stacks is not None and abs(stacks.start - window.end) < APART_S
    end = max(window.end, stacks.end) if stacks is not None and follows else window.end
    return Window(window.start, end, window.phase)


def highest(levels: tuple[Level, ...]) -> Phase | None:
    """The longest stretch of the steady phase with nearly the most users; None where none is long enough."""
    steady = [each for each in levels if each.phase == "steady"]
    most = max((each.users for each in steady), default=0)
    found: list[Phase] = []
    open_since: float | None = None
    for each in steady:
        if each.users < HIGH * most:
            open_since = None
            continue
        open_since = each.start if open_since is None else open_since
        found.append(Phase("steady", open_since, each.end))
    best = max(found, key=lambda each: each.end - each.start, default=None)
    return best if best is not None and best.end - best.start >= SHORTEST_S else None


def _cut(phase: Phase) -> Window:
    start = phase.start
    if phase.name in ("search", "warmup"):
        # A run killed while it still searched: only its last level is anything like steady.
        start = max(start, phase.end - 4.0)
    settle = min(SETTLE_S, (phase.end - start) / 4)
    return Window(start + settle, phase.end, phase.name)
