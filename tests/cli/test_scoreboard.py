"""`loadlab scoreboard` with a flow that measures nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadlab.cli._cases import disturbed
from loadlab.errors import NotReady
from loadlab.scoreboard.binding import Binding, Measure
from loadlab.scoreboard.case import find
from tests.cli import fake
from tests.cli.conftest import Invoke
from tests.cli.fake import Flow

ALL = {each.name: each for each in find()}


def kept(folder: Path) -> list[dict[str, object]]:
    """The lines of the file of results."""
    return [json.loads(line) for line in (folder / "runs/scoreboard.jsonl").read_text().splitlines()]


def ran(flow: Flow) -> list[str]:
    """Systems that were run, in order."""
    return [given[0].name for what, given in flow.calls if what == "run"]


def test_it_ends_with_figures_a_page_and_every_failure(invoke: Invoke, flow: Flow, folder: Path) -> None:
    flow.verdict = fake.diagnosis(bottleneck=fake.finding(kind="memory_leak", service="bookings"))
    done = invoke("scoreboard", "leak", "churn", "--write", "board.md")
    assert done.exit_code == 0, done.output
    assert "1 of 2" in done.stdout
    assert "churn: connection_churn is true, named: memory_leak in bookings (confirmed)" in done.stdout
    assert "kind is memory_leak, not connection_churn" in (folder / "board.md").read_text().replace("\\_", "_")
    assert (folder / "runs/scoreboard.html").read_text().startswith("<!doctype html>")
    assert [each["case"] for each in kept(folder)] == ["churn", "leak"]


def test_what_was_run_is_not_run_again_unless_asked(invoke: Invoke, flow: Flow, folder: Path) -> None:
    assert invoke("scoreboard", "leak").exit_code == 0
    done = invoke("scoreboard", "leak", "churn")
    assert "1 of 2 were run before" in done.stderr
    assert ran(flow) == ["leak", "churn"]
    (folder / "runs/20261123-170455-leak").rename(folder / "runs/20261123-170454-leak")
    assert invoke("scoreboard", "leak", "--again").exit_code == 0
    assert ran(flow) == ["leak", "churn", "leak"]
    assert invoke("scoreboard", "leak", "--no-run").exit_code == 0
    assert len(ran(flow)) == 3


def test_an_interruption_keeps_what_there_is_and_says_how_to_go_on(invoke: Invoke, flow: Flow, folder: Path) -> None:
    assert invoke("scoreboard", "churn").exit_code == 0
    flow.raises = KeyboardInterrupt()
    done = invoke("scoreboard", "churn", "leak")
    assert done.exit_code == 130
    assert "the same command goes on from there" in done.stderr
    assert "connection_churn" in done.stdout  # what there was is shown
    assert [each["case"] for each in kept(folder)] == ["churn"]


def test_a_case_that_cannot_be_run_is_a_failure_and_the_next_one_runs(invoke: Invoke, flow: Flow, folder: Path) -> None:
    flow.raises = NotReady("app did not answer")
    done = invoke("scoreboard", "leak", "churn", "--check")
    assert done.exit_code == 10
    assert "no verdict: NotReady: app did not answer" in done.stdout
    assert len(kept(folder)) == 2


def test_a_file_cut_short_by_a_kill_is_gone_on_with(invoke: Invoke, flow: Flow, folder: Path) -> None:
    assert invoke("scoreboard", "churn").exit_code == 0
    with (folder / "runs/scoreboard.jsonl").open("a") as file:
        file.write('{"format":1,"case":"le')
    assert invoke("scoreboard", "churn", "leak").exit_code == 0
    assert [each["case"] for each in kept(folder)] == ["churn", "leak"]


def test_seeds_draw_the_constants_anew_where_a_case_has_some(invoke: Invoke, flow: Flow, folder: Path) -> None:
    assert invoke("scoreboard", "leak", "single", "--seed", "3").exit_code == 0
    by_name = {given[0].name: given[0] for what, given in flow.calls if what == "run"}
    assert by_name["leak"].service[0].env["LOADLAB_SEED"] == "3"
    assert by_name["leak"].folder != ALL["leak"].folder  # a copy: nothing is written into the samples
    assert by_name["single"].folder == ALL["single"].folder


def test_cases_are_chosen_by_kind_stack_and_having_nothing_wrong(invoke: Invoke, flow: Flow, folder: Path) -> None:
    for options, wanted in (
        (["--kind", "memory_leak"], {"leak", "two-faults"}),
        (["--controls"], {each.name for each in ALL.values() if each.is_control}),
        (["--stack", "flask"], {each.name for each in ALL.values() if "flask" in each.stacks}),
    ):
        done = invoke("scoreboard", "--list", *options)
        assert {line.split("  ")[0] for line in done.stdout.splitlines()} >= wanted
        assert done.exit_code == 0
    assert not flow.calls


def test_it_is_said_how_many_faults_bind(invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bound(task: Any, _way: Any, runs: int) -> Binding:
        after = {"leak": 250.0, "churn": 105.0}[task.case.name]
        return Binding(
            task.case.name, task.seed, runs, Measure(100.0, 20.0), Measure(after, 20.0), "2026-11-28T02:00:00Z"
        )

    monkeypatch.setattr("loadlab.cli._cases.bound", bound)
    done = invoke("scoreboard", "--validate", "leak", "churn")
    assert done.exit_code == 0
    assert "1 of 2 faults were shown to bind" in done.stdout and "nothing has been run" not in done.stdout
    assert "NOT SHOWN TO BIND: 100 answers/s with the fault, 105 mended" in done.stderr
    assert '"change": 1.5' in invoke("scoreboard", "--no-run", "--json").stdout


@pytest.mark.parametrize("name", ["quota", "single"])
def test_a_fault_is_run_as_it_is_and_mended(
    invoke: Invoke, flow: Flow, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def measured(where: Path) -> Measure:
        where.rename(where.with_name(f"{len(flow.calls)}"))  # the next one has the same name
        return Measure(100.0, 9.0)

    monkeypatch.setattr("loadlab.cli._cases._measure", measured)
    assert invoke("scoreboard", "--validate", name).exit_code == 0
    faulty, mended = (given[0].service[0] for what, given in flow.calls if what == "run")
    assert faulty.name == mended.name and faulty != mended


def test_the_list_is_json_where_that_is_asked_for(invoke: Invoke, flow: Flow, folder: Path) -> None:
    assert invoke("scoreboard", "leak", "healthy").exit_code == 0
    done = invoke("scoreboard", "--list", "--json", "leak", "healthy", "two-faults")
    cases = {each["name"]: each for each in json.loads(done.stdout)["cases"]}
    assert set(cases) == {"leak", "healthy", "two-faults"}
    assert cases["healthy"]["truth"] == []
    assert cases["leak"]["truth"] == [{"kind": "memory_leak", "service": "bookings"}]
    assert [each["kind"] for each in cases["two-faults"]["truth"]] == ["event_loop_blocked", "memory_leak"]
    assert (cases["leak"]["runs"], cases["two-faults"]["runs"]) == (1, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["leek"], 'there is no case with this case; did you mean "leak"'),
        (["--kind", "memory_leek"], "memory_leak"),
        (["--stack", "flsk"], "flask"),
        (["--results", "/proc/nothing/x"], "--results /proc/nothing/x cannot be"),
    ],
)
def test_what_no_case_has_is_refused(invoke: Invoke, flow: Flow, words: list[str], said: str) -> None:
    done = invoke("scoreboard", *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_recordings_are_judged_anew_without_a_run(invoke: Invoke, flow: Flow, folder: Path) -> None:
    assert invoke("scoreboard", "leak", "churn").exit_code == 0
    assert "another answer" not in invoke("scoreboard", "--rejudge").stderr
    flow.verdict = fake.diagnosis(bottleneck=fake.finding(kind="memory_leak", service="bookings"))
    for each in (folder / "runs").glob("*churn"):
        each.rename(each.with_name("moved"))
    done = invoke("scoreboard", "--rejudge")
    assert "leak, another answer than before" in done.stderr
    assert "no recording any more, so the answer of the run stands: churn" in done.stderr
    assert len(ran(flow)) == 2
    assert [each["kind"] for each in kept(folder) if each["case"] == "leak"] == [False, True]


def test_json_goes_to_stdout_alone(invoke: Invoke, flow: Flow, folder: Path) -> None:
    done = invoke("scoreboard", "leak", "--json")
    assert json.loads(done.stdout)["results"][0]["case"] == "leak"


HOST = {"cores": 2, "others_cores": 0.7}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ({"outcome": "bottleneck", "bottleneck": {"kind": "cpu_neighbour"}}, True),
        ({"outcome": "unknown", "sentence": "Cannot tell: the hypervisor took 12% of the CPU time."}, True),
        ({"outcome": "unknown", "signals": {"host": HOST}}, True),
        ({"outcome": "unknown", "signals": {"host": {**HOST, "others_cores": 0.2}}}, False),
        ({"outcome": "unknown", "signals": {"host": None}}, False),
        ({"outcome": "bottleneck", "bottleneck": {"kind": "leak"}, "signals": {"host": HOST}}, False),
    ],
)
def test_a_run_beside_strangers_is_made_again(verdict: dict[str, Any], expected: bool) -> None:
    assert disturbed(ALL["leak"], verdict) is expected


def test_a_case_whose_program_is_not_here_is_left_out_and_named(
    invoke: Invoke, flow: Flow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    for each in ALL.values():
        each.__dict__.pop("missing", None)
    done = invoke("scoreboard", "java_ferry", "leak")
    assert "java_ferry is left out: no java on this machine" in done.stderr
    assert [each["case"] for each in kept(folder)] == ["leak"]
