"""A scaler's metrics, from what the probes see: of every instance, so that only those that serve are averaged. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from loadlab.recording.model import Entity
from loadlab.services._scaling import STALE_S

Row = tuple[Entity, tuple[float | None, ...]]


@dataclass
class Cpu:
    """CPU time of each instance, in per cent of the cores it may use (`cores`: its limit, else one)."""

    service: str
    cores: float = 1.0
    probe: str = "process"
    now: Mapping[int, float] = field(default_factory=dict)
    _before: dict[Entity, float] = field(default_factory=dict)
    _t: float = 0.0

    def take(self, t: float, rows: Iterable[Row], names: Sequence[str]) -> None:
        """One tick of the probe. A process counts from its second tick on."""
        user, system = names.index("cpu_user_s"), names.index("cpu_system_s")
        used = {
            entity: (values[user] or 0.0) + (values[system] or 0.0)
            for entity, values in rows
            if entity.service == self.service
        }
        if t > self._t and self._before:
            found: dict[int, float] = defaultdict(float)
            for entity, seconds in used.items():
                if entity in self._before:
                    share = (seconds - self._before[entity]) / (t - self._t) / self.cores
                    found[entity.instance] += 100 * max(0.0, share)
            self.now = dict(found)
        self._before, self._t = used, t

    def mean(self, serving: Collection[int]) -> float | None:
        """Over the instances that serve; None where none of them has been seen twice."""
        seen = [value for instance, value in self.now.items() if instance in serving]
        return sum(seen) / len(seen) if seen else None


@dataclass
class InFlight:
    """Requests sent to each instance and not answered yet, whoever asked."""

    service: str
    probe: str = "edges"
    now: Mapping[int, float] | None = None
    _t: float = 0.0

    def take(self, t: float, rows: Iterable[Row], names: Sequence[str]) -> None:
        """One tick of the probe."""
        outstanding = names.index("outstanding")
        found: dict[int, float] = defaultdict(float)
        for entity, values in rows:
            service, slash, instance = entity.name.rpartition("/")
            if slash and service == self.service and instance.isdigit():
                found[int(instance)] += values[outstanding] or 0.0
        self.now, self._t = dict(found), t

    def mean(self, serving: Collection[int]) -> float | None:
        """Over the instances that serve, one that nobody is connected to included; None where nobody looked."""
        if self.now is None or not serving:
            return None
        return sum(self.now.get(each, 0.0) for each in serving) / len(serving)

    def of(self, instance: int, t: float) -> float | None:
        """Of one instance; None where nobody looked lately."""
        return None if self.now is None or t - self._t > STALE_S else self.now.get(instance, 0.0)
