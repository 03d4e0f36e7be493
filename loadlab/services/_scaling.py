"""When to add an instance and when to take one away. Pure: the same numbers give the same decision.

As the simple scaling of the large clouds: one instance at a time; once it takes requests, or is gone, a pause. What
is wanted more never waits for what is wanted less: adding waits only for the pause after adding, taking away for both.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from loadlab.spec.model import Autoscale

STALE_S = 3.0
"""An older reading says nothing of now: probes read twice a second."""
LEAST_RETRY_S = 1.0
"""Before an instance that could not be started is tried again, whatever the cooldown."""


@dataclass(frozen=True)
class Count:
    """Instances by what they do: take requests, start, finish what they have."""

    serving: int
    starting: int = 0
    leaving: int = 0


@dataclass(frozen=True)
class Past:
    """When (seconds) the last instance came to serve, the last one had gone, the last start failed; None: never."""

    joined: float | None = None
    left: float | None = None
    failed: float | None = None


@dataclass(frozen=True)
class Decision:
    """step: 1 to add an instance, -1 to take one away, 0 to leave all as it is. why, in a few words."""

    step: int
    why: str


def decide(policy: Autoscale, t: float, value: float | None, count: Count, past: Past) -> Decision:
    """`value`: the metric; None where it is not known, and then nothing is changed but what `min` asks for."""
    if count.starting:
        return Decision(0, "an instance is starting")
    if count.serving < policy.min and count.serving + count.leaving < policy.max:
        return _add(t, max(LEAST_RETRY_S, policy.out_cooldown_s), past.failed, f"fewer than min = {policy.min}")
    if value is None:
        return Decision(0, f"{policy.metric} is not known")
    if value > policy.out_above:
        return _out(policy, t, value, count, past)
    if value < policy.in_below:
        return _in(policy, t, value, count, past)
    return Decision(0, f"{said(policy, value)} is between in_below = {policy.in_below:g} and {policy.out_above:g}")


def said(policy: Autoscale, value: float) -> str:
    """`cpu 84%`, `in_flight 12.5`."""
    return f"cpu {value:.0f}%" if policy.metric == "cpu" else f"{policy.metric} {value:.1f}"


def _out(policy: Autoscale, t: float, value: float, count: Count, past: Past) -> Decision:
    why = f"{said(policy, value)} is above {policy.out_above:g}"
    if count.serving + count.leaving >= policy.max:
        return Decision(0, f"{why}, and max = {policy.max} is reached")
    last = max((each for each in (past.joined, past.failed) if each is not None), default=None)
    return _add(t, policy.out_cooldown_s, last, why)


def _in(policy: Autoscale, t: float, value: float, count: Count, past: Past) -> Decision:
    why = f"{said(policy, value)} is below {policy.in_below:g}"
    if count.leaving:
        return Decision(0, "an instance is leaving")
    if count.serving <= policy.min:
        return Decision(0, f"{why}, and min = {policy.min} is reached")
    last = max((each for each in (past.joined, past.left) if each is not None), default=None)
    left_s = policy.in_cooldown_s - (t - last) if last is not None else 0.0
    return Decision(0, f"{why}, in {left_s:.0f} s") if left_s > 0 else Decision(-1, why)


def _add(t: float, pause_s: float, last: float | None, why: str) -> Decision:
    left_s = pause_s - (t - last) if last is not None else 0.0
    return Decision(0, f"{why}, in {left_s:.0f} s") if left_s > 0 else Decision(1, why)


@dataclass
class Readings:
    """What the metric was lately."""

    over_s: float
    _held: deque[tuple[float, float]] = field(default_factory=deque)
    _since: float | None = None

    def add(self, t: float, value: float | None) -> None:
        """One reading; None where the metric could not be told."""
        if value is None:
            return
        if self._since is None or (self._held and t - self._held[-1][0] > STALE_S):
            self._since = t
            self._held.clear()
        self._held.append((t, value))
        while self._held and self._held[0][0] <= t - self.over_s:
            self._held.popleft()

    def mean(self, t: float) -> float | None:
        """Over the last `over_s`. None before so much was seen, and where nothing came lately."""
        if not self._held or self._since is None or t - self._held[-1][0] > STALE_S:
            return None
        if self._held[-1][0] - self._since < self.over_s - STEP_S:
            return None
        return sum(value for _, value in self._held) / len(self._held)


STEP_S = 1.0
"""What the first and the last reading of a full window may lack of its length."""
