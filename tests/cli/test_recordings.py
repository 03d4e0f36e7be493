"""Which recording is meant, and the commands that read one."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import pytest

from loadlab.cli import _recordings
from loadlab.errors import RecordingError, ServiceError
from tests.cli.conftest import Invoke
from tests.cli.fake import Flow, diagnosis, recording


@pytest.fixture
def runs(folder: Path) -> Path:
    """Three recordings and a folder that is none."""
    root = folder / "runs"
    recording(root, "single", "20261122-090000")
    recording(root, "orders-api", "20261123-100000")
    recording(root, "single", "20261123-170000")
    (root / "20261124-000000-notes").mkdir()
    return root


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        (None, "20261123-170000-single"),
        ("last", "20261123-170000-single"),
        ("single", "20261123-170000-single"),
        ("orders-api", "20261123-100000-orders-api"),
        ("20261123-10", "20261123-100000-orders-api"),
        ("20261122-090000-single", "20261122-090000-single"),
        ("runs/20261122-090000-single", "20261122-090000-single"),
    ],
)
def test_a_recording_is_found(runs: Path, argument: str | None, found: str) -> None:
    assert _recordings.find(argument, Path("runs")).name == found


def test_the_beginning_of_several_is_refused_with_their_names(runs: Path) -> None:
    with pytest.raises(RecordingError) as caught:
        _recordings.find("20261123", runs)
    assert str(caught.value) == (
        '"20261123" is the beginning of 2 recordings; there are 20261123-170000-single, 20261123-100000-orders-api; '
        "`loadlab runs` lists all"
    )


def test_a_name_that_is_none_is_told_what_there_is(runs: Path) -> None:
    with pytest.raises(RecordingError, match=r'"sinlge": no such recording; there are 20261123-170000-single, '):
        _recordings.find("sinlge", runs)


HEAD = '#[Histogram log format version 1.3]\n"StartTimestamp","Interval_Length"\n'


@pytest.mark.parametrize(
    ("argument", "log", "found"),
    [
        (None, HEAD, "20261123-170000-single"),
        ("last", HEAD, "20261123-170000-single"),
        ("single", HEAD, "20261123-170000-single"),
        ("single", HEAD + "Tag=latency:ok:GET,1.0,1.0,9.0,HISTFAAAA\n", "20261123-180000-single"),
        ("20261123-18", HEAD, "20261123-180000-single"),
    ],
)
def test_a_run_that_failed_before_any_load_is_passed_over_and_named(
    runs: Path, argument: str | None, log: str, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = recording(runs, "single", "20261123-180000")
    (failed / "requests.hlog").write_text(log, encoding="ascii")
    assert _recordings.find(argument, runs).name == found
    said = " ".join(capsys.readouterr().err.split())
    assert ("ended before there was any load" in said) == (found != failed.name)


def test_where_nothing_was_under_load_the_newest_is_taken(folder: Path) -> None:
    failed = recording(folder / "runs", "single")
    (failed / "requests.hlog").write_text(HEAD, encoding="ascii")
    assert _recordings.find(None, folder / "runs") == failed


def test_of_many_only_the_newest_are_named(folder: Path) -> None:
    for number in range(9):
        recording(folder / "runs", "single", f"20261122-09000{number}")
    with pytest.raises(RecordingError) as caught:
        _recordings.find("nothing", folder / "runs")
    assert "the newest are 20261122-090008-single, 20261122-090007-single" in str(caught.value)
    assert "090003" not in str(caught.value)


def test_where_there_is_no_recording_it_says_how_to_make_one(invoke: Invoke, flow: Flow) -> None:
    done = invoke("diagnose")
    assert done.exit_code == 2
    assert "runs: there are no recordings; make one with `loadlab run`, or name another --runs DIR" in done.stderr


def test_diagnose_shows_the_verdict_and_how_to_get_the_page(invoke: Invoke, flow: Flow, runs: Path) -> None:
    done = invoke("diagnose", "orders-api")
    assert done.exit_code == 0
    assert done.stdout.startswith("app is limited by one CPU core")
    assert "report:" not in done.stdout
    assert "loadlab report runs/20261123-100000-orders-api" in done.stderr
    assert flow.calls == [("diagnose", (Path("runs/20261123-100000-orders-api"),))]
    invoke("report", "orders-api")
    assert "report: runs/20261123-100000-orders-api/report.html" in invoke("diagnose", "orders-api").stdout


def test_diagnose_as_json_is_the_verdict_alone(invoke: Invoke, flow: Flow, runs: Path) -> None:
    flow.verdict = diagnosis("generator")
    done = invoke("diagnose", "--json")
    assert done.exit_code == 5
    assert json.loads(done.stdout)["outcome"] == "generator"


def test_report_prints_the_path_alone(invoke: Invoke, flow: Flow, runs: Path) -> None:
    assert invoke("report").stdout == "runs/20261123-170000-single/report.html\n"


@pytest.mark.parametrize("works", [True, False])
def test_report_opens_the_page_where_there_is_a_browser(
    invoke: Invoke, flow: Flow, runs: Path, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or works)
    done = invoke("report", "--open")
    assert done.exit_code == 0
    assert opened == [(runs / "20261123-170000-single/report.html").as_uri()]
    assert ("no browser was found" in done.stderr) is not works


def test_runs_lists_all_with_what_they_found(invoke: Invoke, flow: Flow, runs: Path) -> None:
    invoke("diagnose", "orders-api")
    (runs / "20261122-090000-single/run.json").write_text("{")
    assert invoke("runs").stdout.splitlines() == [
        "20261122-090000-single  -  cannot be read: run.json is damaged",
        f"20261123-100000-orders-api  412  {diagnosis().sentence}",
        "20261123-170000-single  -  not judged yet: loadlab diagnose 20261123-170000-single",
    ]


def test_runs_as_json(invoke: Invoke, flow: Flow, runs: Path) -> None:
    invoke("diagnose", "orders-api")
    found = json.loads(invoke("runs", "--json").stdout)
    assert [each["system"] for each in found] == ["single", "orders-api", "single"]
    assert (found[1]["outcome"], found[1]["kind"], found[1]["requests_per_s"]) == ("bottleneck", "single_core", 412.0)
    assert found[0]["outcome"] is None


def test_no_runs_is_no_error(invoke: Invoke, folder: Path) -> None:
    done = invoke("runs", "--runs", "elsewhere")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "elsewhere: there are no recordings; `loadlab run` makes one" in done.stderr
    assert json.loads(invoke("runs", "--json").stdout) == []


def test_a_ladder_has_two_rungs_at_least(invoke: Invoke, flow: Flow, runs: Path) -> None:
    done = invoke("ladder", "--from", "single")
    assert done.exit_code == 2
    assert "a ladder has two rungs at least" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("raises", "code"), [(KeyboardInterrupt(), 130), (ServiceError("app did not start"), ServiceError.exit_code)]
)
def test_a_ladder_that_ends_early_says_how_to_go_on(
    invoke: Invoke, flow: Flow, runs: Path, raises: BaseException, code: int
) -> None:
    flow.raises = raises
    done = invoke("ladder", "--from", "orders-api", "cluster", "balanced", "--profile", "smoke")
    assert done.exit_code == code
    assert (
        "to go on: loadlab ladder --from runs/20261123-100000-orders-api cluster balanced --profile smoke"
    ) in done.stderr
    assert [name for name, _ in flow.calls] == ["run"]


def test_a_mistake_in_the_last_rung_is_said_before_the_first_one_runs(invoke: Invoke, flow: Flow) -> None:
    done = invoke("ladder", "single", "clutser")
    assert done.exit_code == 2
    assert "clutser" in done.stderr
    assert flow.calls == []
