"""The remedy, tried: what was predicted of it, what was measured."""

from __future__ import annotations

from loadlab.diagnosis.model import Finding, Tried
from loadlab.signals.trial import Trial


def what_was_tried(finding: Finding, trial: Trial | None) -> Tried | None:
    """None where nothing was, or where it was the remedy of another finding: rules may have learnt since."""
    if trial is None or (trial.kind, trial.service) != (finding.kind, finding.service):
        return None
    if trial.gain is None or trial.low is None or trial.high is None:
        return Tried(trial.says, not_tried=trial.why)
    return Tried(
        trial.says,
        predicted=predicted(finding.remedy.expected_gain, trial.times),
        measured=round(trial.gain, 3),
        low=round(trial.low, 3),
        high=round(trial.high, 3),
        rounds=trial.rounds,
        users=trial.users,
        failed=round(trial.failed, 4),
    )


def predicted(expected: float | None, times: float | None) -> float | None:
    """What this very change should bring: no more than it widens the place, nor than the next limit allows."""
    if expected is None:
        return None
    return expected if times is None else min(expected, times)
