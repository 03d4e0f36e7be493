"""Decisions as tables, and a crew of made-up instances under a made-up clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.errors import ServiceError
from loadlab.recording.model import Entity
from loadlab.services import ProcessPlan
from loadlab.services._crew import BLIND_S, DRAINS_WITHIN_S, EMPTY_S, ENDS_WITHIN_S, Crew
from loadlab.services._instance import Exit, Instance
from loadlab.services._readings import Cpu, InFlight
from loadlab.services._scaling import STALE_S, Count, Past, Readings, decide
from loadlab.services._start import Child
from loadlab.spec.model import Autoscale, Ready, ServiceSpec

POLICY = Autoscale(min=2, max=4, out_above=70, in_below=30, out_cooldown_s=10, in_cooldown_s=20)

DECISIONS: dict[str, tuple[float | None, Count, Past, int]] = {
    "above": (71, Count(2), Past(), 1),
    "exactly at the upper limit": (70, Count(2), Past(), 0),
    "between": (50, Count(3), Past(), 0),
    "exactly at the lower limit": (30, Count(3), Past(), 0),
    "below": (29, Count(3), Past(), -1),
    "above, but at max": (99, Count(4), Past(), 0),
    "above, and one that leaves still counts towards max": (99, Count(3, leaving=1), Past(), 0),
    "below, but at min": (0, Count(2), Past(), 0),
    "above, but one is starting": (99, Count(2, starting=1), Past(), 0),
    "below, but one is starting": (0, Count(3, starting=1), Past(), 0),
    "above while one leaves": (99, Count(2, leaving=1), Past(), 1),
    "below while one leaves": (0, Count(3, leaving=1), Past(), 0),
    "above, cooling down": (99, Count(2), Past(joined=91), 0),
    "above, cooled down": (99, Count(2), Past(joined=90), 1),
    "above, and one left a moment ago": (99, Count(2), Past(left=99), 1),
    "above, and a start failed a moment ago": (99, Count(2), Past(failed=95), 0),
    "below, and one joined a while ago": (0, Count(3), Past(joined=81), 0),
    "below, and one left a while ago": (0, Count(4), Past(joined=10, left=81), 0),
    "below, cooled down": (0, Count(3), Past(joined=80, left=79), -1),
    "not known": (None, Count(3), Past(), 0),
    "not known, and fewer than min": (None, Count(1), Past(), 1),
    "fewer than min, whatever joined": (50, Count(1), Past(joined=99), 1),
    "fewer than min, and a start failed a moment ago": (50, Count(1), Past(failed=95), 0),
    "fewer than min, and it is being mended": (50, Count(1, starting=1), Past(), 0),
}


@pytest.mark.parametrize(("value", "count", "past", "step"), DECISIONS.values(), ids=DECISIONS)
def test_decisions(value: float | None, count: Count, past: Past, step: int) -> None:
    decision = decide(POLICY, 100.0, value, count, past)
    assert decision.step == step and decision.why


def test_without_a_cooldown_it_follows_at_once() -> None:
    hasty = POLICY.model_copy(update={"out_cooldown_s": 0.0, "in_cooldown_s": 0.0})
    assert decide(hasty, 100.0, 71, Count(2), Past(joined=100, left=100)).step == 1
    assert decide(hasty, 100.0, 29, Count(3), Past(joined=100, left=100)).step == -1


@given(
    st.one_of(st.none(), st.floats(0, 500)),
    st.integers(0, 6),
    st.integers(0, 2),
    st.integers(0, 2),
    st.one_of(st.none(), st.floats(0, 100)),
    st.one_of(st.none(), st.floats(0, 100)),
)
def test_it_never_leaves_its_ends(
    value: float | None, serving: int, starting: int, leaving: int, joined: float | None, left: float | None
) -> None:
    step = decide(POLICY, 100.0, value, Count(serving, starting, leaving), Past(joined, left)).step
    if step > 0:
        assert serving + starting + leaving + 1 <= POLICY.max or serving < POLICY.min
    if step < 0:
        assert serving - 1 >= POLICY.min


def test_the_mean_covers_the_last_seconds_and_only_them() -> None:
    readings = Readings(3.0)
    assert readings.mean(0.0) is None
    for t, value in ((0.0, 90.0), (0.5, 90.0), (1.0, 90.0)):
        readings.add(t, value)
    assert readings.mean(1.0) is None, "three seconds were not seen yet"
    for t in (1.5, 2.0, 2.5, 3.0, 3.5, 4.0):
        readings.add(t, 30.0)
    assert readings.mean(4.0) == 30.0
    readings.add(4.5, None)
    assert readings.mean(4.5) == 30.0
    assert readings.mean(4.0 + STALE_S + 0.1) is None
    readings.add(20.0, 50.0)
    assert readings.mean(20.0) is None, "after a gap it has to fill again"


NAMES = ("cpu_user_s", "cpu_system_s")


def process(instance: int, pid: int, user: float, service: str = "app") -> tuple[Entity, tuple[float | None, ...]]:
    return Entity("process", service, instance, pid, 0, "x"), (user, 0.0)


def test_cpu_is_a_share_of_what_each_instance_may_use() -> None:
    cpu = Cpu("app", cores=0.5)
    cpu.take(1.0, [process(0, 10, 1.0), process(1, 20, 0.0), process(0, 99, 5.0, "db")], NAMES)
    assert cpu.mean({0, 1}) is None
    cpu.take(2.0, [process(0, 10, 1.1), process(0, 11, 3.0), process(1, 20, 0.3), process(2, 30, 9.0)], NAMES)
    assert cpu.now == pytest.approx({0: 20, 1: 60})
    assert cpu.mean({0, 1}) == pytest.approx(40)
    assert cpu.mean({1}) == pytest.approx(60)
    assert cpu.mean({2}) is None, "an instance that was seen once"
    cpu.take(3.0, [process(0, 10, 1.1), process(0, 11, 3.4), process(1, 20, 0.1)], NAMES)
    assert cpu.now == pytest.approx({0: 80, 1: 0}), "the second process counts from its second tick on"


def test_in_flight_counts_what_all_callers_wait_for() -> None:
    metric = InFlight("app")
    assert metric.mean({0}) is None and metric.of(0, 0.0) is None
    edges = [
        ("lb", "app/0", 3.0),
        ("other", "app/0", 1.0),
        ("lb", "app/1", 2.0),
        ("app", "db/0", 9.0),
        ("lb", "10.0.0.1:80", 4),
    ]
    metric.take(1.0, [(Entity("edge", source, name=to), (value,)) for source, to, value in edges], ("outstanding",))
    assert metric.mean({0, 1}) == 3.0 and metric.mean({0, 1, 2}) == 2.0 and metric.mean(()) is None
    assert metric.of(0, 1.5) == 4.0 and metric.of(7, 1.5) == 0.0
    assert metric.of(0, 1.0 + STALE_S + 0.1) is None


@dataclass
class Staff:
    """Hands that start and end nothing; and a journal."""

    tmp: Path
    all: list[Instance] = field(default_factory=list)
    told: list[tuple[int, ...]] = field(default_factory=list)
    events: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    retired: list[tuple[int, bool]] = field(default_factory=list)
    refuses: str = ""
    deaf: str = ""

    def instances(self, service: str) -> list[Instance]:
        return self.all

    def begin(self, service: str, number: int) -> Instance:
        if self.refuses:
            raise ServiceError(self.refuses)
        found = next((each for each in self.all if each.plan.instance == number), None) or self.hire(number)
        found.child, found.ready = Child(1000 + number, 1, -1), False
        return found

    def hire(self, number: int) -> Instance:
        plan = ProcessPlan("app", number, ("x",), self.tmp, self.tmp, ready=Ready(within_s=5))
        made = Instance(plan, "app", "command", self.tmp / "log", of=4, child=Child(1000 + number, 1, -1), ready=True)
        self.all.append(made)
        return made

    def retire(self, instance: Instance, *, kill: bool = False) -> None:
        self.retired.append((instance.plan.instance, kill))

    def tell(self, service: str, serving: Any) -> str:
        if not self.deaf:
            self.told.append(tuple(serving))
        return self.deaf

    def event(
        self, kind: str, service: str = "", instance: int = 0, pid: int = 0, t: float | None = None, **data: Any
    ) -> None:
        self.events.append((kind if kind != "scaled" else data["direction"], instance))

    def log_path(self, service: str, instance: int) -> Path:
        return self.tmp

    def end(self, number: int, expected: bool = True) -> None:
        for each in self.all:
            if each.plan.instance == number:
                each.child = None
                each.exits.append(Exit("app", number, 1, 3, None, expected))


class Play:
    """A crew of two, second by half second. `cpu`: of every instance that serves, in per cent."""

    def __init__(self, tmp: Path, **policy: Any) -> None:
        self.staff = Staff(tmp)
        for number in range(2):
            self.staff.hire(number)
        given = POLICY.model_copy(update={"over_s": 1.0, **policy})
        spec = ServiceSpec(name="app", command=("x", "{port}"), autoscale=given)
        self.crew = Crew(spec, given, self.staff, self.staff, self.staff.tell, self.staff.notes.append)
        self.t = 0.0
        self.used = 0.0
        self.edges = True

    def go(self, seconds: float, cpu: float, waiting: dict[int, float] | None = None) -> None:
        for _ in range(round(seconds * 2)):
            self.t += 0.5
            self.used += 0.5 * cpu / 100
            rows = [process(each.plan.instance, 1, self.used) for each in self.staff.all if each.child is not None]
            self.crew.hear("process", self.t, rows, NAMES)
            if self.edges:
                edges = [(Entity("edge", "lb", name=f"app/{each}"), (n,)) for each, n in (waiting or {}).items()]
                self.crew.hear("edges", self.t, edges, ("outstanding",))
            self.crew.look(self.t)
            self.crew.act(self.t, may_decide=True)

    def ready(self, number: int) -> None:
        next(each for each in self.staff.all if each.plan.instance == number).ready = True


def test_one_comes_and_gets_requests_when_it_is_ready(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.go(4, 90)
    assert play.staff.events == [("out", 2)] and play.staff.told == []
    assert play.crew.figures()[:3] == (2.0, 1.0, 0.0)
    play.ready(2)
    play.go(0.5, 90)
    assert play.staff.told == [(0, 1, 2)] and play.staff.events[-1] == ("joined", 2)
    play.go(9, 90)
    assert play.staff.events.count(("out", 3)) == 0, "the cooldown counts from when it joined"
    play.go(2, 90)
    assert play.staff.events[-1] == ("out", 3)
    assert play.staff.notes[0] == "app: 2 -> 3 instances, cpu 90% is above 70"


def leaving(play: Play) -> None:
    play.go(3, 90)
    play.ready(2)
    play.go(20, 50)
    play.staff.events.clear()


def test_one_that_goes_finishes_first(tmp_path: Path) -> None:
    play = Play(tmp_path)
    leaving(play)
    play.go(2, 10, {2: 3})
    assert play.staff.events == [("in", 2), ("left", 2)] and play.staff.told[-1] == (0, 1)
    play.go(4, 10, {2: 1})
    assert play.staff.retired == []
    play.go(EMPTY_S + 0.5, 10)
    assert play.staff.retired == [(2, False)]
    play.staff.end(2)
    play.go(0.5, 10)
    assert play.crew.figures()[:3] == (2.0, 0.0, 0.0)


def test_one_that_never_finishes_is_asked_and_then_killed(tmp_path: Path) -> None:
    play = Play(tmp_path)
    leaving(play)
    play.go(DRAINS_WITHIN_S, 10, {2: 3})
    assert play.staff.retired == []
    play.go(3, 10, {2: 3})
    assert play.staff.retired == [(2, False)]
    play.go(ENDS_WITHIN_S + 1, 10, {2: 3})
    assert play.staff.retired == [(2, False), (2, True)]


def test_where_nobody_sees_what_is_in_flight_it_gets_a_moment(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.edges = False
    leaving(play)
    play.go(BLIND_S, 10)
    assert play.staff.retired == []
    play.go(2, 10)
    assert play.staff.retired == [(2, False)]


def test_a_start_that_fails_is_told_and_tried_again_later(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.staff.refuses = "no memory"
    play.go(4, 90)
    assert play.staff.events == [("out", 2), ("note", 2 * 0)]
    assert play.staff.notes[-1] == "app: an instance could not be added: no memory"
    play.staff.refuses = ""
    play.go(10, 90)
    assert play.staff.events[-1] == ("out", 2)
    play.staff.end(2, expected=False)
    play.go(0.5, 90)
    assert "ended with exit code 3 before it was ready" in play.staff.notes[-1]
    assert play.crew.figures()[:3] == (2.0, 0.0, 0.0)


def test_one_that_is_not_ready_in_time_is_ended(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.go(8, 90)
    assert play.staff.retired == [(2, False)] and "was not ready within 5 s" in play.staff.notes[-1]
    assert play.crew.figures()[:3] == (2.0, 0.0, 1.0)


def test_one_that_died_is_replaced_and_its_callers_are_told(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.go(2, 50)
    play.staff.end(1, expected=False)
    play.go(0.5, 50)
    assert play.staff.told == [(0,)] and play.staff.events == [("left", 1), ("out", 1)]
    play.ready(1)
    play.go(1, 50)
    assert play.staff.told == [(0,), (0, 1)]


def test_callers_that_do_not_take_it_are_asked_again_and_it_is_said_once(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.staff.deaf = "lb refuses"
    play.go(3, 90)
    play.ready(2)
    play.go(3, 90)
    assert play.staff.notes.count("lb refuses") == 1 and ("joined", 2) not in play.staff.events
    play.staff.deaf = ""
    play.go(0.5, 90)
    assert ("joined", 2) in play.staff.events


def test_what_serves_stays_while_an_experiment_lasts(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.go(2, 50)
    play.crew.look(play.t)
    play.crew.act(play.t, may_decide=False)
    for _ in range(8):
        play.t, play.used = play.t + 0.5, play.used + 0.5
        play.crew.hear("process", play.t, [process(0, 1, play.used)], NAMES)
        play.crew.look(play.t)
        play.crew.act(play.t, may_decide=False)
    assert play.staff.events == []
