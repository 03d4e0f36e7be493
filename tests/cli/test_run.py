from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadlab.cli._verdict import exit_code, measured
from loadlab.diagnosis.model import Capacity
from loadlab.errors import Interrupted, NotReady, PortBusy
from loadlab.spec.model import Profile, Spec
from tests.cli.conftest import Invoke
from tests.cli.fake import Flow, diagnosis, finding, limit
from tests.report.examples import verdict


def given(flow: Flow) -> tuple[Spec, Profile, Any]:
    """What the command made of the arguments."""
    return next(arguments for name, arguments in flow.calls if name == "run")


def test_a_run_ends_with_the_sentence_the_evidence_the_next_step_and_the_report(invoke: Invoke, flow: Flow) -> None:
    done = invoke("run", "single")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "app is limited by one CPU core: relevance() at shop/catalog.py:42 takes 71% of it.",
        "evidence: its busiest thread used 99% of one core",
        "evidence: it had no time left: busy 99% of the time",
        "confirmed: slowing app by 20% cost 0.97 of that in throughput (0.91 to 1.03; 1 is all of it, 0 nothing)",
        "measured: 412 requests/s with 24 users, p50 21.0 ms, p99 61.2 ms, 0.4% failed",
        "next: First make relevance() cheaper: it takes 71% of the core.",
        "expected: about 1.9 times today's capacity",
        "more: loadlab explain single_core",
        "report: runs/20261123-170455-single/report.html",
    ]


def test_where_nobody_watches_progress_is_a_line_per_phase_and_one_every_five_seconds(
    invoke: Invoke, flow: Flow
) -> None:
    lines = invoke("run", "single").stderr.splitlines()
    assert lines[0] == "loadlab run single: profile ramp, about 60 s"
    assert lines[1] == "app is ready at http://127.0.0.1:18000 after 0.4 s"
    phases = [each for each in lines if each.split(":")[0] in ("warmup", "search", "steady", "stacks", "proof", "stop")]
    assert phases[1] == "search: more and more users, until throughput stops rising (16 s)"
    assert len(phases) == 6
    figures = [each for each in lines if "requests/s" in each]
    assert len(figures) == 11, "54 seconds"
    assert "users 24  330 requests/s  p50 16.8 ms  p99 49.0 ms  errors 0" in figures[-1]
    assert "app x3 0.79 cores, loop 96% busy, 84 MB" in figures[-1]


@pytest.mark.parametrize(
    ("outcome", "limits", "code"),
    [
        ("bottleneck", (), 0),
        ("none", (), 0),
        ("generator", (), 5),
        ("unknown", (), 5),
        ("bottleneck", (limit(passed=True),), 0),
        ("none", (limit(passed=True), limit(passed=False)), 10),
        ("unknown", (limit(passed=False, measured=None),), 5),
    ],
)
def test_the_exit_code_says_what_became_of_it(
    invoke: Invoke, flow: Flow, outcome: str, limits: tuple[Any, ...], code: int
) -> None:
    flow.verdict = diagnosis(outcome, limits=limits)
    assert invoke("run", "single").exit_code == code
    assert invoke("diagnose").exit_code == code


def test_each_limit_is_shown_with_what_was_measured(invoke: Invoke, flow: Flow) -> None:
    flow.verdict = diagnosis(
        limits=(limit(passed=False), limit(passed=True, measured=99.0), limit(passed=False, measured=None))
    )
    lines = invoke("run", "single").stdout.splitlines()
    assert [each for each in lines if each.startswith("limit")] == [
        "limit: GET /orders: p95_ms 143.2, at most 120: FAILED",
        "limit: GET /orders: p95_ms 99, at most 120: held",
        "limit: GET /orders: p95_ms no samples, at most 120: FAILED",
    ]


def test_evidence_is_ten_lines_at_most_and_always_says_what_was_measured(invoke: Invoke, flow: Flow) -> None:
    many = finding(evidence=finding().evidence * 9)
    flow.verdict = diagnosis(bottleneck=many, others=(finding(service="a"),) * 20)
    lines = invoke("run", "single").stdout.splitlines()
    evidence = [each for each in lines[1:] if each.split(":")[0] in ("evidence", "confirmed", "also", "measured")]
    assert len(evidence) == 10
    assert evidence[-1].startswith("measured: 412 requests/s")


@pytest.mark.parametrize(
    ("capacity", "says"),
    [
        (
            Capacity(412.0, 24, 21.04, 61.23, 0.004, 405.0),
            "412 requests/s with 24 users, p50 21.0 ms, p99 61.2 ms, 0.4% f",
        ),
        (
            Capacity(223.0, 40, 344.0, 348.0, 0.0, 116.0),
            "116 requests/s with 40 users, p50 344 ms, p99 348 ms; 223 ",
        ),
        (
            Capacity(6.4, 8, 900.0, 2100.0, answers=64),
            "6 requests/s with 8 users, p50 900 ms, p99 of 64 answers 2100 ms",
        ),
        (Capacity(0.0, 8, None, None, 1.0, 0.0), "0 requests/s with 8 users, p50 -, p99 -, 100% failed"),
    ],
)
def test_throughput_and_latency_are_of_the_same_load(capacity: Capacity, says: str) -> None:
    assert measured(capacity).startswith(says)


@pytest.mark.parametrize(("share", "said"), [(0.38, True), (0.004, False), (0.0, False)])
def test_with_what_requests_fail_is_said_beside_how_many(invoke: Invoke, flow: Flow, share: float, said: bool) -> None:
    errors = [{"endpoint": "GET /reserve", "error": "HTTP 500", "count": 1291}]
    flow.verdict = diagnosis(capacity=Capacity(47.0, 8, 131.0, 205.0, share), signals={"errors": errors})
    lines = [each for each in invoke("run", "single").stdout.splitlines() if each.startswith("failed")]
    wanted = "failed: mostly GET /reserve: HTTP 500, 1,291 times; what the services wrote is in logs/"
    assert lines == [wanted] * said


def test_json_is_the_verdict_and_nothing_else(invoke: Invoke, flow: Flow) -> None:
    done = invoke("run", "single", "--json")
    assert json.loads(done.stdout)["outcome"] == "bottleneck"
    assert done.stdout == Path("runs/20261123-170455-single/verdict.json").read_text()
    assert done.stderr == "", "no terminal, no progress"


def test_quiet_is_the_sentence_alone(invoke: Invoke, flow: Flow) -> None:
    done = invoke("run", "single", "-q")
    assert done.stdout == "app is limited by one CPU core: relevance() at shop/catalog.py:42 takes 71% of it.\n"
    assert done.stderr == ""


def test_without_a_name_it_is_this_folders_file_else_the_sample(invoke: Invoke, flow: Flow, folder: Path) -> None:
    invoke("run", "-q")
    assert given(flow)[0].name == "single"
    flow.calls.clear()
    (folder / "loadlab.toml").write_text('name = "mine"\n[[service]]\nname = "app"\ncommand = ["serve", "{port}"]\n')
    done = invoke("run", "-q")
    assert done.exit_code == 0, done.stderr
    assert given(flow)[0].name == "mine"


def test_the_options_change_what_the_file_says(invoke: Invoke, flow: Flow, folder: Path) -> None:
    done = invoke(
        *("run", "single", "-q", "--path", "/health", "--think", "0.5", "--users", "7", "--duration", "30"),
        *("--runs", "kept", "--no-prove", "--no-stacks", "--setup"),
    )
    assert done.exit_code == 0, done.stderr
    spec, profile, options = given(flow)
    assert (spec.load.path, spec.load.think_s, profile.users, profile.duration_s) == ("/health", 0.5, 7, 30.0)
    assert (options.runs, options.prove, options.stacks, options.setup) == (Path("kept"), False, False, True)


def test_by_default_the_proof_is_left_to_the_flow(invoke: Invoke, flow: Flow) -> None:
    invoke("run", "single", "-q")
    options = given(flow)[2]
    assert (options.runs, options.prove, options.stacks, options.setup) == (Path("runs"), None, True, False)


def test_a_profile_by_name_and_by_path(invoke: Invoke, flow: Flow, folder: Path) -> None:
    invoke("run", "single", "-q", "--profile", "smoke")
    assert given(flow)[1].name == "smoke"
    flow.calls.clear()
    (folder / "mine.toml").write_text('shape = "constant"\nusers = 3\n')
    done = invoke("run", "single", "-q", "--profile", "mine.toml", "--runs", "b")
    assert done.exit_code == 0, done.stderr
    assert (given(flow)[1].shape, given(flow)[1].users) == ("constant", 3)


def test_a_locustfile_is_taken_from_here(invoke: Invoke, flow: Flow, folder: Path) -> None:
    (folder / "users.py").write_text("")
    invoke("run", "single", "-q", "--locustfile", "users.py")
    assert given(flow)[0].load.locustfile == str(folder / "users.py")


@pytest.mark.parametrize(
    ("arguments", "attach"),
    [
        (("--attach", "8000"), {"port": 8000}),
        (("--pid", "4711"), {"pid": 4711}),
        (("--url", "http://127.0.0.1:1/x"), None),
    ],
)
def test_without_a_file(invoke: Invoke, flow: Flow, arguments: tuple[str, ...], attach: dict[str, int] | None) -> None:
    done = invoke("run", "-q", *arguments)
    assert done.exit_code == 0, done.stderr
    spec = given(flow)[0]
    made = spec.service[0].attach
    assert made is not None
    if attach is None:
        assert (made.url, spec.load.path) == ("http://127.0.0.1:1", "/x")
    else:
        assert made.model_dump(exclude_none=True) == attach


def test_a_command_without_a_file(invoke: Invoke, flow: Flow) -> None:
    done = invoke("run", "-q", "--command", "uvicorn app:app --port {port}", "--path", "/orders")
    assert done.exit_code == 0, done.stderr
    spec = given(flow)[0]
    assert spec.service[0].command == ("uvicorn", "app:app", "--port", "{port}")
    assert spec.load.path == "/orders"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sinlge",), '"sinlge": there is no such file, folder or sample; did you mean "single"?'),
        (("single", "--attach", "8000"), "single and --attach are two systems; give one of them"),
        (
            ("--attach", "8000", "--pid", "1"),
            "give exactly one of --command, --attach, --pid, --url, not --attach and --pid",
        ),
        (("--attach", "0"), "Invalid value for '--attach'"),
        (("single", "--profile", "rmap"), 'no profile is called "rmap"; did you mean "ramp"?'),
        (("single", "--path", "orders"), "a path begins with a slash: --path /orders"),
        (("single", "--locustfile", "no.py"), "--locustfile no.py: there is no such file"),
        (("single", "--duration", "5"), "--duration 5: profile ramp spends 5 s on warming up alone"),
        (("single", "--duration", "2"), "Invalid value for '--duration'"),
        (("single", "--users", "0"), "Invalid value for '--users'"),
        (("--command", "uvicorn app:app"), "--command names no port; write {port}"),
        (("single", "--user", "3"), "No such option: --user"),
    ],
)
def test_a_wrong_command_line_is_told_what_to_write(
    invoke: Invoke, flow: Flow, arguments: tuple[str, ...], says: str
) -> None:
    done = invoke("run", *arguments)
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert not flow.calls, "nothing was started"


def test_users_of_a_locustfile_have_their_own_pauses(invoke: Invoke, flow: Flow, folder: Path) -> None:
    (folder / "users.py").write_text("")
    done = invoke("run", "single", "--locustfile", "users.py", "--think", "1")
    assert (done.exit_code, flow.calls) == (2, [])
    assert "a locustfile has its own pauses" in done.stderr
    done = invoke("run", "single", "--locustfile", "users.py", "--path", "/")
    assert "--path and --locustfile" in done.stderr


def test_users_mean_nothing_to_an_open_profile(invoke: Invoke, flow: Flow, folder: Path) -> None:
    (folder / "open.toml").write_text('model = "open"\nshape = "constant"\nrate = 100\n')
    done = invoke("run", "single", "--profile", "open.toml", "--users", "5")
    assert done.exit_code == 2
    assert "--users: profile open is open" in done.stderr


def test_all_problems_of_a_file_are_shown_at_once(invoke: Invoke, flow: Flow, folder: Path) -> None:
    (folder / "loadlab.toml").write_text('nmae = "x"\n[[service]]\nname = "app"\ncommand = "uvicorn app:app"\n')
    done = invoke("run")
    lines = done.stderr.splitlines()
    assert done.exit_code == 2
    assert lines[0] == f"error: {len(lines) - 1} problems"
    assert len(lines) > 2
    assert all("loadlab.toml" in each for each in lines[1:])


def test_what_could_not_be_started_says_where_the_logs_are(invoke: Invoke, flow: Flow) -> None:
    flow.raises = NotReady("app did not get ready within 20 s: GET /health gave 404")
    done = invoke("run", "single")
    assert done.exit_code == 4
    assert done.stdout == ""
    assert done.stderr.splitlines()[-2:] == [
        "recorded so far, with the logs of each service: runs/20261123-170455-single",
        "error: app did not get ready within 20 s: GET /health gave 404",
    ]


def test_an_error_keeps_the_exit_code_of_its_class_with_json_too(invoke: Invoke, flow: Flow) -> None:
    flow.raises = PortBusy("port 8000: somebody answers there already")
    done = invoke("run", "single", "--json")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "error: port 8000: somebody answers there already" in done.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("stopped")])
def test_an_interrupted_run_says_where_its_recording_is(invoke: Invoke, flow: Flow, error: BaseException) -> None:
    flow.raises = error
    done = invoke("run", "single")
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-2:] == [
        "stopped: everything was shut down, the recording up to here is kept in runs/20261123-170455-single",
        "what it already shows: loadlab diagnose runs/20261123-170455-single",
    ]


def test_a_crash_of_loadlabs_own_is_a_traceback_not_a_verdict(invoke: Invoke, flow: Flow) -> None:
    flow.raises = ZeroDivisionError("ours")
    done = invoke("run", "single")
    assert isinstance(done.exception, ZeroDivisionError)
    assert done.exit_code == 1


def test_figures_go_where_they_are_wanted_and_nowhere_by_default(invoke: Invoke, flow: Flow) -> None:
    invoke("run", "single")
    assert given(flow)[2].exports == {}
    flow.calls.clear()
    assert invoke("run", "single", "--runs", "more", "--csv", "load.csv", "--metrics", "0", "--otel").exit_code == 0
    assert given(flow)[2].exports == {"csv": "load.csv", "openmetrics": "0", "otlp": ""}


@pytest.mark.parametrize(
    ("passed", "beside", "code"),
    [(True, "measurement", 0), (False, "memory", 10), (False, "measurement", 5)],
    ids=["a limit held", "a limit failed", "it failed on a machine that was not the run's own"],
)
def test_a_limit_that_fails_where_the_data_are_flawed_cannot_be_judged(passed: bool, beside: str, code: int) -> None:
    found = verdict()
    others = tuple(replace(each, branch=beside) for each in found.others)
    limits = (replace(found.limits[0], passed=passed),)
    assert exit_code(replace(found, others=others, limits=limits)) == code
