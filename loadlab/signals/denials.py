"""Requests for something that is known, answered with "I do not know it": a visitor who has logged in, a thing that
was written. Which share, at which endpoints, by which instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from loadlab.recording.model import Recording
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window

CODES = ("HTTP 401", "HTTP 403", "HTTP 419", "HTTP 440")
"""Unauthorized, Forbidden, and what Laravel and IIS say of a session that is over."""

GONE = ("HTTP 404", "HTTP 410")
"""Not Found, Gone."""

CHECK = "a check of the users' own"
"""Stands for what a behaviour says of an answer that it does not accept, such as an older version than was written."""

READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH")


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
    denied, where the balancer counts it. unfound: the same of reads of what was written before at the same path, or
    above it, and was not found or was not what had been written; unfound_of_instances: those that were not found."""

    endpoints: tuple[Endpoint, ...]
    of_instances: Mapping[tuple[str, str], float] = field(default_factory=dict)
    unfound: tuple[Endpoint, ...] = ()
    unfound_of_instances: Mapping[tuple[str, str], float] = field(default_factory=dict)


def compute(recording: Recording) -> Denials:
    """Raises Missing where no request was made at all."""
    if not recording.requests:
        raise Missing("no request was made")
    ok: dict[str, int] = defaultdict(int)
    for each in recording.requests:
        ok[each.endpoint] += each.count if each.result == "ok" else 0
    denied = _endpoints(recording, ok, lambda error: next((each for each in CODES if error.startswith(each)), ""))
    written = [name.partition(" ")[2] for name, count in ok.items() if count and name.partition(" ")[0] in WRITES]
    unfound = [each for each in _endpoints(recording, ok, _unfound) if _reads(each.name, written)]
    return Denials(
        denied,
        _of_instances(recording, "denied") if denied else {},
        tuple(unfound),
        _of_instances(recording, "not_found") if unfound else {},
    )


def _endpoints(recording: Recording, ok: Mapping[str, int], code_of: Callable[[str], str]) -> tuple[Endpoint, ...]:
    """Those with errors that code_of knows by name; it gives "" for others."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for error in recording.errors:
        if code := code_of(error.error):
            counts[error.endpoint][code] += error.count
    endpoints = [
        Endpoint(name, ok.get(name, 0), sum(codes.values()), max(codes, key=lambda each: codes[each]))
        for name, codes in counts.items()
    ]
    return tuple(sorted(endpoints, key=lambda each: (-each.denied, each.name)))


def _unfound(error: str) -> str:
    """What fails on the wire has a name of one word, a check says in words what it misses."""
    if error.startswith("HTTP "):
        return next((each for each in GONE if error.startswith(each)), "")
    return CHECK if " " in error else ""


def _reads(name: str, written: list[str]) -> bool:
    method, _, path = name.partition(" ")
    above = tuple(each.rstrip("/") + "/" for each in written if each != "/")
    return method in READS and (path in written or path.startswith(above))


def _of_instances(recording: Recording, metric: str) -> dict[tuple[str, str], float]:
    """HAProxy does not tell the answers of 400 to 499 apart: it has but `denied`."""
    whole = Window(0.0, recording.end + 1.0)
    counts: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for probe, counted in (("nginx", metric), ("haproxy", "denied")):
        if not recording.series(f"{probe}.{counted}"):
            continue
        for index, which in enumerate(("requests", counted)):
            for series in recording.series(f"{probe}.{which}"):
                if ":" in series.entity.name:
                    counts[series.entity.service, series.entity.name][index] += increase(series, whole)
    return {key: denied / requests for key, (requests, denied) in counts.items() if requests > 0}
