"""The page's small tables: proof, health, incidents, the tree, charts that are not drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.diagnosis.model import Diagnosis
from loadlab.flow import judge
from loadlab.recording.model import Event, Phase, Recording
from loadlab.report import charts, decision, health, incidents, proof
from loadlab.report.view import build
from tests.build import Proc, system
from tests.report import examples


def elastic(**of: tuple[float, float, float]) -> Diagnosis:
    rows = {name: {"value": v, "low": low, "high": high, "share": 0.25} for name, (v, low, high) in of.items()}
    return replace(examples.verdict(), signals={"elasticity": rows})


def test_the_proof_says_what_slowing_cost() -> None:
    rows = proof.rows(elastic(store=(0.02, -0.1, 0.1), app=(0.96, 0.9, 1.0)))
    assert [each.says for each in rows] == [
        "slowing app by 25% cost 24% of throughput",
        "slowing store by 25% cost nothing that can be told from chance",
    ]
    assert [each.blamed for each in rows] == [True, False]


@pytest.mark.parametrize(
    ("value", "place"), [(-9.0, 0.0), (-0.5, 0.0), (0.0, 20.0), (1.0, 60.0), (2.0, 100.0), (7, 100)]
)
def test_elasticities_lie_on_one_axis(value: float, place: float) -> None:
    assert proof.at(value) == place


def test_a_real_experiment_blames_the_app() -> None:
    recording = examples.chain()
    rows = proof.rows(judge(recording))
    assert rows[0].name == "app"
    assert rows[0].elasticity == pytest.approx(0.9, abs=0.1)
    assert {each.name for each in rows[1:]} == {"store", "load generator"}


def test_no_lag_is_claimed_where_the_kernel_timed_no_arrival() -> None:
    bare = replace(examples.verdict(), generator={"kernel_stamped": 0.0, "reader_lag_p99_ms": None})
    seen = next(each for each in health.checks(bare) if each.what == "Arrivals were seen on time")
    assert "not known" in seen.says and "0.00 ms" not in seen.says


def test_health_says_fine_spoiled_or_not_known() -> None:
    states = {each.what: each.state for each in health.checks(examples.verdict())}
    assert states["The machine was the run's own"] == health.FINE
    assert states["The generator had room"] == health.BAD
    unknown = replace(examples.verdict(), unknown=(("probe_blind", "no tick was recorded"),))
    probes = next(each for each in health.checks(unknown) if each.what == "The probes could see")
    assert (probes.state, probes.mark) == (health.UNKNOWN, "? not known")
    assert "no tick was recorded" in probes.says


def test_health_claims_nothing_where_nothing_was_judged() -> None:
    assert all(not each.state for each in health.checks(Diagnosis("unknown", "?", None)))


def test_exits_show_their_last_lines_once() -> None:
    found = incidents.exits(examples.chain())
    assert [(each.how, len(each.last_lines)) for each in found] == [("exit code 1", 3), ("exit code 1", 1)]
    assert charts.data(examples.chain(), judge(examples.chain()))["marks"] == [
        {"t": 25.0, "text": "app exited"},
        {"t": 41.0, "text": "app exited"},
    ]


def test_a_worker_that_crashed_is_told_as_one() -> None:
    data = {"code": None, "signal": 9, "lived_s": 12.0}
    recording = Recording(examples.none().meta, events=(Event(9.0, "worker_exited", "app", data=data),))
    assert [(each.worker, each.how) for each in incidents.exits(recording)] == [(True, "signal 9")]
    assert charts.data(recording, judge(recording))["marks"] == [{"t": 9.0, "text": "a worker of app exited"}]


@pytest.mark.parametrize(
    ("data", "how"),
    [
        ({"code": 3, "signal": None}, "exit code 3"),
        ({"code": None, "signal": 9}, "signal 9"),
        ({}, "its exit code is not known"),
    ],
)
def test_how_a_process_ended(data: dict[str, object], how: str) -> None:
    recording = Recording(examples.none().meta, events=(Event(1.0, "exited", "app", data=data),))
    assert incidents.exits(recording)[0].how == how


def test_many_exits_are_counted_and_asked_ones_are_none() -> None:
    asked = Event(1.0, "exited", "app", data={"code": 0, "expected": True})
    unasked = [Event(float(t), "exited", "app", data={"code": 1}) for t in range(20)]
    recording = Recording(examples.none().meta, events=(asked, *unasked))
    assert len(incidents.exits(recording)) + incidents.further_exits(recording) == 20


@pytest.mark.parametrize(
    ("notes", "phases", "stacks", "proof_"),
    [
        ((), (), "no time for it", "no time for it"),
        (("py-spy was not permitted",), ("stacks", "proof"), "py-spy was not permitted", "undisturbed"),
        (("no slow-down experiment: nothing",), ("stacks", "proof"), "no Python or Node", "no slow-down experiment"),
    ],
)
def test_what_is_missing_says_why(notes: tuple[str, ...], phases: tuple[str, ...], stacks: str, proof_: str) -> None:
    recording = Recording(
        examples.none().meta,
        events=tuple(Event(1.0, "note", data={"text": each}) for each in notes),
        phases=tuple(Phase(each, 0.0, 1.0) for each in phases),
    )
    assert stacks in incidents.why_no_stacks(recording)
    assert proof_ in incidents.why_no_proof(recording)


def test_a_remark_made_often_is_shown_once() -> None:
    events = tuple(Event(1.0, "note", "app", data={"text": "again"}) for _ in range(3))
    assert incidents.notes(Recording(examples.none().meta, events=events)) == ("app: again (3 times)",)


def test_the_taken_branch_is_lit_with_its_step() -> None:
    tree = decision.tree(examples.verdict())
    assert [each.question for each in tree.branches if each.lit] == ["Is it CPU?"]
    assert [step.name for each in tree.branches for step in each.steps if step.lit] == ["cluster"]
    assert tree.says == "Taken: Is it CPU? ➜ cluster"


@pytest.mark.parametrize("outcome", ["none", "generator", "unknown"])
def test_without_a_bottleneck_no_branch_is_lit_and_the_tree_says_why(outcome: str) -> None:
    tree = decision.tree(Diagnosis(outcome, "", None))
    assert not any(each.lit for each in tree.branches)
    assert tree.says.startswith("No branch is taken: ")


@pytest.mark.parametrize(
    ("rates", "reached", "knee"),
    [
        ([(1, 100), (2, 190), (4, 360), (8, 380), (16, 370)], True, 4),
        ([(1, 100), (2, 101)], True, 1),
        ([(1, 100), (2, 200)], False, None),
        ([(1, 100)], True, None),
        ([(1, 0), (2, 0)], True, None),
    ],
)
def test_the_knee_is_where_throughput_is_nearly_its_best(
    rates: list[tuple[int, float]], reached: bool, knee: int | None
) -> None:
    levels = [{"users": users, "rps": rps} for users, rps in rates]
    assert charts.knee(levels, {"reached": reached}) == knee


def test_charts_that_are_not_drawn_say_why() -> None:
    cut = charts.data(examples.cut_short(), Diagnosis("unknown", "?", None))
    assert cut["load"] == cut["services"] == []
    assert "Throughput: no request was finished" in cut["absent"]["load"]
    assert "CPU: the probe process recorded nothing" in cut["absent"]["services"]
    calm = charts.data(examples.none(), judge(examples.none()))
    assert "Failed requests: none" in calm["absent"]["load"]


def test_programs_that_ended_are_in_the_chart_of_the_cpu() -> None:
    recording = system(Proc(cores=0.1, ended=1.6)).recording()
    lines = {each["name"]: each for each in charts.data(recording, judge(recording))["services"][0]["lines"]}
    assert max(lines["app: programs that ended"]["values"][1:-1]) == pytest.approx(1.6, abs=0.05)
    assert max(lines["app"]["values"][1:-1]) == pytest.approx(1.7, abs=0.1)
    calm = charts.data(examples.none(), judge(examples.none()))["services"][0]["lines"]
    assert not [each for each in calm if "ended" in each["name"]]


def test_a_service_has_one_colour_in_all_charts() -> None:
    recording = examples.chain()
    drawn = charts.data(recording, judge(recording))["services"]
    colours: dict[str, set[int]] = {}
    for chart in drawn:
        for line in chart["lines"]:
            if "colour" in line:
                colours.setdefault(line["name"], set()).add(line["colour"])
    assert all(len(each) == 1 for each in colours.values())
    assert len({min(each) for each in colours.values()}) == len(colours) >= 4


@pytest.mark.parametrize("name", sorted(examples.ALL))
def test_a_view_is_the_same_each_time(name: str) -> None:
    recording = examples.ALL[name]()
    assert repr(build(recording, judge(recording))) == repr(build(examples.ALL[name](), judge(examples.ALL[name]())))
