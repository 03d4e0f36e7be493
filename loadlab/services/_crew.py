"""The instances of one scaled service: which take requests, which start, which leave; and what is done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from loadlab.errors import LoadlabError
from loadlab.services._instance import Instance, Journal
from loadlab.services._readings import Cpu, InFlight, Row
from loadlab.services._scaling import Count, Decision, Past, Readings, decide
from loadlab.spec.model import Autoscale, ServiceSpec

EMPTY_S = 1.0
"""How long nothing may have been in flight to an instance before it is asked to end: two looks of the probe, and longer
than a balancer needs to take over its new servers."""
BLIND_S = 3.0
"""The same where nobody can see what is in flight."""
DRAINS_WITHIN_S = 15.0
"""After that an instance is asked to end whatever it still does; it may finish that in its own way."""
ENDS_WITHIN_S = 5.0
"""And then it is killed."""

Tell = Callable[[str, Sequence[int]], str]
"""Has the callers of a service send their requests to these instances; returns what went wrong."""


class Hands(Protocol):
    """What this needs of services._launch.Running."""

    def instances(self, service: str) -> list[Instance]: ...
    def begin(self, service: str, number: int) -> Instance: ...
    def retire(self, instance: Instance, *, kill: bool = False) -> None: ...


@dataclass(frozen=True)
class Starter:
    """An instance that was started and is not ready yet."""

    instance: Instance
    since: float


@dataclass
class Leaver:
    """An instance on its way out. since: it got no more requests; empty_since: none was in flight; asked: to end."""

    instance: Instance
    since: float
    empty_since: float | None = None
    asked: float | None = None
    killed: bool = False


class Crew:
    """Changed by the scaler's thread; `hear` and `look` are called under its lock."""

    def __init__(
        self,
        spec: ServiceSpec,
        policy: Autoscale,
        hands: Hands,
        journal: Journal,
        tell: Tell,
        note: Callable[[str], None],
    ) -> None:
        self.service = spec.name
        self._policy = policy
        self._hands, self._journal, self._tell, self._note = hands, journal, tell, note
        limit = spec.limits.cpu if spec.limits is not None else None
        self._cpu, self._in_flight = Cpu(self.service, limit or 1.0), InFlight(self.service)
        self._readings = Readings(self._policy.over_s)
        self._fresh = False
        self._serving = {each.plan.instance: each for each in hands.instances(self.service)}
        self._starting: dict[int, Starter] = {}
        self._leaving: dict[int, Leaver] = {}
        self._told = tuple(sorted(self._serving))
        self._past = Past()
        self._value: float | None = None
        self._complained = ""

    def open(self, t: float) -> None:
        """Those that were started before the load take requests."""
        for number in self._told:
            self._journal.event("joined", self.service, number, t=t, serving=len(self._told))

    def hear(self, probe: str, t: float, rows: Sequence[Row], names: Sequence[str]) -> None:
        """One tick of a probe."""
        for each in (self._cpu, self._in_flight):
            if each.probe == probe:
                each.take(t, rows, names)
        self._fresh = self._fresh or probe == self._metric.probe

    @property
    def _metric(self) -> Cpu | InFlight:
        return self._cpu if self._policy.metric == "cpu" else self._in_flight

    def look(self, t: float) -> None:
        """Takes in what was heard since, and which instances have ended."""
        if self._fresh:
            self._readings.add(t, self._metric.mean(self._serving))
            self._fresh = False
        self._value = self._readings.mean(t)
        for number in [number for number, each in self._serving.items() if each.lost]:
            del self._serving[number]

    def figures(self) -> tuple[float | None, ...]:
        """As _scaler.METRICS."""
        counts = (len(self._serving), len(self._starting), len(self._leaving))
        return (*(float(each) for each in counts), self._value)

    def act(self, t: float, *, may_decide: bool) -> None:
        """Goes on with what is under way; then, if it may, decides."""
        self._await_starters(t)
        self._let_go(t)
        self._keep_told(t)
        if may_decide:
            count = Count(len(self._serving), len(self._starting), len(self._leaving))
            self._follow(t, decide(self._policy, t, self._value, count, self._past))
        self._keep_told(t)

    def _follow(self, t: float, decision: Decision) -> None:
        if decision.step > 0:
            self._add(t, decision)
        elif decision.step < 0:
            number = max(self._serving)
            self._write_down(t, "in", number, decision)
            self._leaving[number] = Leaver(self._serving.pop(number), t)

    def _add(self, t: float, decision: Decision) -> None:
        taken = {*self._serving, *self._starting, *self._leaving}
        number = next(each for each in range(self._policy.max) if each not in taken)
        self._write_down(t, "out", number, decision)
        try:
            self._starting[number] = Starter(self._hands.begin(self.service, number), t)
        except LoadlabError as error:
            self._fail(t, f"{self.service}: an instance could not be added: {error}")

    def _write_down(self, t: float, direction: str, number: int, decision: Decision) -> None:
        now = len(self._serving)
        after = now + (1 if direction == "out" else -1)
        limit = self._policy.out_above if direction == "out" else self._policy.in_below
        self._journal.event(
            "scaled",
            self.service,
            number,
            t=t,
            direction=direction,
            metric=self._policy.metric,
            value=self._value,
            limit=limit,
            before=now,
            after=after,
            why=decision.why,
        )
        self._note(f"{self.service}: {now} -> {after} instances, {decision.why}")

    def _await_starters(self, t: float) -> None:
        for number, starter in list(self._starting.items()):
            each, within_s = starter.instance, starter.instance.plan.ready.within_s
            if each.ready and each.child is not None:
                self._serving[number] = each
            elif each.lost and each.exits:
                self._fail(t, f"{each.title} {each.exits[-1].how} before it was ready; its log: {each.log}")
            elif t - starter.since > within_s:
                self._leaving[number] = Leaver(each, t, asked=t)
                self._hands.retire(each)
                self._fail(t, f"{each.title} was not ready within {within_s:g} s and is ended; its log: {each.log}")
            else:
                continue
            del self._starting[number]

    def _fail(self, t: float, text: str) -> None:
        self._past = Past(self._past.joined, self._past.left, t)
        self._note(text)
        self._journal.event("note", self.service, t=t, text=text)

    def _keep_told(self, t: float) -> None:
        """Who calls the service is told whenever those that serve are not those it was told last."""
        serving = tuple(sorted(self._serving))
        if serving == self._told:
            return
        problem = self._tell(self.service, serving)
        if problem:
            if problem != self._complained:
                self._fail(t, problem)
            self._complained = problem
            return
        joined, left = sorted(set(serving) - set(self._told)), sorted(set(self._told) - set(serving))
        for kind, numbers in (("joined", joined), ("left", left)):
            for number in numbers:
                self._journal.event(kind, self.service, number, t=t, serving=len(serving))
        self._told, self._complained = serving, ""
        if joined:
            self._past = Past(t, self._past.left, self._past.failed)
        for number in left:
            if number in self._leaving:
                self._leaving[number].since, self._leaving[number].empty_since = t, None

    def _let_go(self, t: float) -> None:
        for number, each in list(self._leaving.items()):
            if each.instance.child is None:
                del self._leaving[number]
                self._past = Past(self._past.joined, t, self._past.failed)
            elif number in self._told:
                continue
            elif each.asked is None:
                self._drain(t, number, each)
            elif t - each.asked > ENDS_WITHIN_S and not each.killed:
                each.killed = True
                self._hands.retire(each.instance, kill=True)

    def _drain(self, t: float, number: int, leaver: Leaver) -> None:
        in_flight = self._in_flight.of(number, t)
        if in_flight:
            leaver.empty_since = None
        elif leaver.empty_since is None:
            leaver.empty_since = t
        empty_s = t - leaver.empty_since if leaver.empty_since is not None else 0.0
        enough_s = BLIND_S if in_flight is None else EMPTY_S
        if empty_s >= enough_s or t - leaver.since > DRAINS_WITHIN_S:
            leaver.asked = t
            self._hands.retire(leaver.instance)
