"""Adds and removes instances while the system is under load, and tells the balancers of it.

Stands in front of the recorder, where it hears what the probes see; decides by `_scaling`; writes down each decision,
each start and end (events), and what it saw and had twice a second (the table `scaler`). An instance gets requests once
it is ready; one that is taken away gets no more, finishes what it has, and is then asked to end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from loadlab.clock import Clock, cpu_s
from loadlab.errors import LoadlabError
from loadlab.recording.model import Entity, Metric
from loadlab.services import ProcessPlan
from loadlab.services._crew import Crew, Hands
from loadlab.services._instance import Journal
from loadlab.services._names import RunNames
from loadlab.services._plans import plan_one
from loadlab.services._readings import Row
from loadlab.services._take_over import take_over
from loadlab.spec.model import Spec
from loadlab.spec.order import callers

TICK_S = 0.5
"""As often as the probes look."""
ENDS_WITHIN_S = 5.0
"""A tick starts at most one process, or waits for one balancer."""
TABLE = "scaler"
METRICS = (
    Metric("serving", "1", "gauge", "instances that take requests"),
    Metric("starting", "1", "gauge", "instances that are started and not ready yet"),
    Metric("leaving", "1", "gauge", "instances that finish what they have, or end"),
    Metric("value", "as the metric", "gauge", "the scaler's metric, as it was held against its limits"),
)


class Sink(Protocol):
    """As probes.Sink."""

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None: ...
    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None: ...
    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None: ...


class Scaler:
    """A context manager, and a Sink before another. Where nothing is to be scaled, only the latter.

    names: those the services were planned with; t0: CLOCK_MONOTONIC of the run's start.
    """

    def __init__(
        self,
        spec: Spec,
        names: RunNames,
        hands: Hands,
        journal: Journal,
        sink: Sink,
        clock: Clock,
        t0: float,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._spec, self._names, self._hands = spec, names, hands
        self._sink, self._clock, self._t0, self._note = sink, clock, t0, note
        self._crews = [
            Crew(each, each.autoscale, hands, journal, self._told, note)
            for each in spec.service
            if each.autoscale is not None
        ]
        self._columns: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._still = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="scaler", daemon=True)
        self._due = 0.0

    def __enter__(self) -> Self:
        if self._crews:
            self._sink.declare(TABLE, METRICS)
            self._due = self._clock.monotonic() - self._t0
            for crew in self._crews:
                crew.open(self._due)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(ENDS_WITHIN_S)

    def still(self, experiment: Callable[[float], None]) -> Callable[[float], None]:
        """The experiment, during which nothing is added or removed: a system that changes while it is compared with
        itself tells nothing."""
        if not self._crews:
            return experiment

        def quiet(budget_s: float) -> None:
            self._still.set()
            try:
                experiment(budget_s)
            finally:
                self._still.clear()

        return quiet

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        """The columns of a probe's rows."""
        self._columns[probe] = tuple(each.name for each in metrics)
        self._sink.declare(probe, metrics)

    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None:
        """One good tick of a probe: heard, and passed on as it is."""
        ready = tuple(rows)
        with self._lock:
            for crew in self._crews:
                crew.hear(probe, t, ready, self._columns.get(probe, ()))
        self._sink.rows(probe, t, ready, late_ms, cost_ms)

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        """One tick of a probe that raised."""
        self._sink.failed(probe, t, error, late_ms, cost_ms)

    def tick(self) -> None:
        """What is due now of every scaled service. Never raises."""
        t, before = self._clock.monotonic() - self._t0, cpu_s()
        late_ms = 1000 * max(0.0, t - self._due)
        rows = []
        for crew in self._crews:
            try:
                with self._lock:
                    crew.look(t)
                crew.act(t, may_decide=not self._still.is_set())
            except Exception as error:  # noqa: BLE001 - a scaler that stumbles goes on, and says so
                self._note(f"{crew.service}: the scaler stumbled and goes on: {type(error).__name__}: {error}")
            rows.append((Entity("scaler", crew.service), crew.figures()))
        self._sink.rows(TABLE, t, rows, late_ms, 1000 * (cpu_s() - before))

    def _loop(self) -> None:
        while not self._stop.is_set():
            self.tick()
            self._due = max(self._due + TICK_S, self._clock.monotonic() - self._t0)
            self._stop.wait(max(0.0, self._due - (self._clock.monotonic() - self._t0)))

    def _told(self, service: str, serving: Sequence[int]) -> str:
        """Has every caller that can learn take over these instances; what it says where one does not."""
        self._names.serve(service, serving)
        problems = []
        for name in callers(self._spec)[service]:
            caller = next(each for each in self._spec.service if each.name == name)
            try:
                self._tell(name, {each.instance: each for each in plan_one(caller, self._spec, self._names).processes})
            except LoadlabError as error:
                problems.append(str(error))
        return "; ".join(problems)

    def _tell(self, name: str, plans: Mapping[int, ProcessPlan]) -> None:
        for instance in self._hands.instances(name):
            plan = plans.get(instance.plan.instance)
            if plan is None or instance.child is None or instance.plan.take_over is None:
                continue
            instance.plan = replace(instance.plan, files=plan.files, take_over=plan.take_over)
            take_over(instance.plan, instance.child, instance.env)
