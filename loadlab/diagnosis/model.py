"""The Diagnosis: what verdict.json holds, and what reports are made from. Frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadlab.rules import Evidence, Where

OUTCOMES = ("bottleneck", "none", "generator", "unknown")
GRADES = ("confirmed", "supported", "suspected")


@dataclass(frozen=True)
class Proof:
    """What the slow-down experiment said of the culprit. Elasticity = loss of throughput / loss of capacity."""

    slowed_by: float
    elasticity: float
    low: float
    high: float


@dataclass(frozen=True)
class Tried:
    """The remedy, applied by loadlab, and measured against the system as it was. Gains as factors of throughput.

    not_tried says why, where it could not be; then there are no figures. predicted None where nothing was.
    low, high: 95% interval over `rounds` pairs. failed: share of requests that failed with the change.
    """

    change: str
    not_tried: str = ""
    predicted: float | None = None
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    users: int = 0
    failed: float = 0.0


@dataclass(frozen=True)
class Remedy:
    """The next step. expected_gain: capacity after it, as a factor of today's; None where it cannot be said."""

    step: str
    text: str
    expected_gain: float | None = None
    tried: Tried | None = None


@dataclass(frozen=True)
class Next:
    """What will limit once the remedy has been applied; where nothing limits, what will under more load. service None:
    the whole machine. factor: of today's rate.

    at_most: something else may limit before: the remedy makes requests cheaper by an unknown amount, not free, or
    nothing limits yet and what is no station (a lock, a limiter) may do so.
    """

    service: str | None
    resource: str
    requests_per_s: float
    factor: float
    why: str
    at_most: bool = False


@dataclass(frozen=True)
class Finding:
    """One bottleneck or fault, where it is, how sure we are, and what to do."""

    kind: str
    branch: str
    service: str
    grade: str
    sentence: str
    evidence: tuple[Evidence, ...]
    remedy: Remedy
    instance: int | None = None
    pid: int | None = None
    where: Where | None = None
    proof: Proof | None = None
    strength: float = 0.5
    no_line: str = ""
    """Why no line is named, where one was looked for and could not be: no permission, no profiler."""
    along: tuple[str, ...] = ()
    """Further services of which it is true alike: the sentence names them, and the remedy is for all."""

    @property
    def services(self) -> tuple[str, ...]:
        """Everyone it is true of."""
        return (self.service, *self.along)


FEW_ANSWERS = 100
"""Below so many the 99th percentile is hardly more than the longest answer: it is said of how many it is."""

ANOTHER_LOAD = 1.1
"""Best throughput over that of the measured window, from which on it is no noise: it was seen with more users."""


@dataclass(frozen=True)
class Capacity:
    """Best sustained throughput seen, and the latencies of the measured window."""

    requests_per_s: float
    users: int
    p50_ms: float | None
    p99_ms: float | None
    error_rate: float = 0.0
    steady_rps: float | None = None
    p50_uncorrected_ms: float | None = None
    p99_uncorrected_ms: float | None = None
    answers: int | None = None
    """Requests answered well in the measured window, which the latencies are of."""

    @property
    def p99_name(self) -> str:
        """`p99`, or `p99 of 64 answers` where there were too few for one."""
        few = self.answers is not None and self.answers < FEW_ANSWERS
        return f"p99 of {self.answers} answers" if few else "p99"

    @property
    def measured_rps(self) -> float:
        """Throughput that belongs to `users` and the latencies: the best, unless that was seen under another load."""
        steady = self.steady_rps
        return steady if steady and self.requests_per_s > ANOTHER_LOAD * steady else self.requests_per_s


@dataclass(frozen=True)
class LimitResult:
    """One limit of the profile: what was measured, and whether it held. measured None: no samples, so it failed."""

    endpoint: str
    metric: str
    low: float | None
    high: float | None
    measured: float | None
    passed: bool


@dataclass(frozen=True)
class Diagnosis:
    """The answer. `signals` holds plain numbers for the report (per service CPU, loop busy, ...), JSON-ready."""

    outcome: str
    sentence: str
    bottleneck: Finding | None
    others: tuple[Finding, ...] = ()
    clear: tuple[str, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    capacity: Capacity | None = None
    generator: Mapping[str, Any] = field(default_factory=dict)
    observer: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[LimitResult, ...] = ()
    signals: Mapping[str, Any] = field(default_factory=dict)
    load: Mapping[str, Any] = field(default_factory=dict)
    """How the load went: "model", "shape", "says" (sentences), and of some shapes their figures. JSON-ready."""
    next_step: str = ""
    next: Next | None = None
    """What limits after the bottleneck; None where there is none, or where that cannot be said."""
