"""Whether a planted fault binds: what taking it away does to the same load. A fault that changes nothing is no test; of
9,152 faults injected in one study of root-cause tools 85% changed nothing that a user would notice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from loadlab.errors import RecordingError

if TYPE_CHECKING:
    from loadlab.diagnosis.model import Diagnosis
    from loadlab.recording.model import Recording

FORMAT = 1
BINDS = 0.2
"""A fifth: beyond what two runs of one system differ by on a shared machine, and what a user notices."""


@dataclass(frozen=True)
class Measure:
    """Medians over the runs. good_rps: answers a second that were no errors; p95_ms None: there was no answer."""

    good_rps: float
    p95_ms: float | None


@dataclass(frozen=True)
class Binding:
    """A case with its fault, and mended."""

    case: str
    seed: int
    runs: int
    before: Measure
    after: Measure
    at: str

    @property
    def change(self) -> float:
        """The larger of the two: how much more is answered, and how much sooner, as a share of the lesser figure.
        Rates below one a second count as one."""
        answered = self.after.good_rps / max(self.before.good_rps, 1.0) - 1.0
        if not self.before.p95_ms or not self.after.p95_ms:
            return answered
        return max(answered, self.before.p95_ms / self.after.p95_ms - 1.0)

    @property
    def binds(self) -> bool:
        """Whether taking the fault away helped by a fifth."""
        return self.change >= BINDS


def measure(recording: Recording, diagnosis: Diagnosis) -> Measure:
    """Of one run: the steady rate without its errors, and p95 of the answers in the measured window."""
    from loadlab.signals import Missing, Signals

    capacity = diagnosis.capacity
    try:
        quantiles = Signals(recording).latency.quantiles
    except Missing:
        quantiles = None
    good = (capacity.steady_rps or capacity.requests_per_s) if capacity else 0.0
    return Measure(good, quantiles.p95_ms if quantiles else None)


def middle(runs: Sequence[Measure]) -> Measure:
    """Of several runs."""
    latencies = [each.p95_ms for each in runs if each.p95_ms is not None]
    return Measure(median(each.good_rps for each in runs), median(latencies) if latencies else None)


def to_line(binding: Binding) -> str:
    """JSON in one line."""
    return json.dumps({"format": FORMAT, **asdict(binding)}, ensure_ascii=False, separators=(",", ":")) + "\n"


def from_text(text: str, name: str) -> list[Binding]:
    """The bindings in a file of that name, of each case and seed the last. A last line that was cut short by a kill is
    left out. Raises RecordingError for a line that is none."""
    found: dict[tuple[str, int], Binding] = {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            raw = json.loads(line)
            if raw.pop("format") != FORMAT:
                raise ValueError("another format")
            each = Binding(**raw | {"before": Measure(**raw["before"]), "after": Measure(**raw["after"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RecordingError(f"{name}:{number}: this was not written by `loadlab scoreboard --validate`") from error
        found[each.case, each.seed] = each
    return list(found.values())
