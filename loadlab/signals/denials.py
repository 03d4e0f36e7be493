"""Requests that were answered with "I do not know you": which share, at which endpoints, by which instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from loadlab.recording.model import Recording
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window

CODES = ("HTTP 401", "HTTP 403", "HTTP 419", "HTTP 440")
"""Unauthorized, Forbidden, and what Laravel and IIS say of a session that is over."""


@dataclass(frozen=True)
class Endpoint:
    """One endpoint over the whole run. ok and denied: requests."""

    name: str
    ok: int
    denied: int
    code: str

    @property
    def share(self) -> float:
        """Denied of those that were answered one way or the other."""
        return self.denied / (self.ok + self.denied) if self.ok + self.denied else 0.0


@dataclass(frozen=True)
class Denials:
    """Endpoints that denied anybody, worst first. of_instances: (balancer, address) -> share of its requests that were
    denied, where the balancer counts it."""

    endpoints: tuple[Endpoint, ...]
    of_instances: Mapping[tuple[str, str], float] = field(default_factory=dict)


def compute(recording: Recording) -> Denials:
    """Raises Missing where no request was made at all."""
    if not recording.requests:
        raise Missing("no request was made")
    ok: dict[str, int] = defaultdict(int)
    for each in recording.requests:
        ok[each.endpoint] += each.count if each.result == "ok" else 0
    denied: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for error in recording.errors:
        code = next((each for each in CODES if error.error.startswith(each)), None)
        if code is not None:
            denied[error.endpoint][code] += error.count
    endpoints = [
        Endpoint(name, ok[name], sum(codes.values()), max(codes, key=lambda each: codes[each]))
        for name, codes in denied.items()
    ]
    found = tuple(sorted(endpoints, key=lambda each: (-each.denied, each.name)))
    return Denials(found, _of_instances(recording) if found else {})


def _of_instances(recording: Recording) -> dict[tuple[str, str], float]:
    whole = Window(0.0, recording.end + 1.0)
    counts: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for probe in ("nginx", "haproxy"):
        for index, metric in enumerate(("requests", "denied")):
            for series in recording.series(f"{probe}.{metric}"):
                if ":" in series.entity.name:
                    counts[series.entity.service, series.entity.name][index] += increase(series, whole)
    return {key: denied / requests for key, (requests, denied) in counts.items() if requests > 0}
