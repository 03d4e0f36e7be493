"""`units`, `explain` and `check`: what loadlab knows, and whether this machine can use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadlab import catalogue
from loadlab.cli import _checks
from loadlab.cli._checks import MISSING, OK, WARNING, Check
from loadlab.cli.units import BRANCHES, kinds_page
from loadlab.spec import places
from tests.cli.conftest import Invoke

ROOT = Path(__file__).resolve().parents[2]


def test_units_lists_every_unit_of_every_family(invoke: Invoke) -> None:
    lines = invoke("units").stdout.splitlines()
    for family in ("rules", "probes", "services"):
        for name in catalogue.units(family):
            assert any(line.startswith(f"{family}  {name}  ") for line in lines), name
    assert all(line.startswith("rules  ") for line in invoke("units", "rules").stdout.splitlines())


def test_a_family_that_is_none(invoke: Invoke) -> None:
    done = invoke("units", "rule")
    assert done.exit_code == 2
    assert '"rule": there is no such family; did you mean "rules"?' in done.stderr


@pytest.mark.parametrize("name", list(catalogue.units("rules")))
def test_every_kind_can_be_explained(invoke: Invoke, name: str) -> None:
    text = invoke("explain", name).stdout
    sections = catalogue.sections(catalogue.units("rules")[name])
    for heading in ("What", "Why", "Fix"):
        assert f"{heading}: {sections[heading]}" in text
    assert f"branch: {catalogue.units('rules')[name].BRANCH}" in text
    assert "judged from: " in text


@pytest.mark.parametrize(
    ("written", "says"), [("process", "records: cpu_user_s (s): "), ("nginx", "every: "), ("attached", "role: ")]
)
def test_probes_and_services_can_be_explained(invoke: Invoke, written: str, says: str) -> None:
    done = invoke("explain", written)
    assert done.exit_code == 0
    assert says in done.stdout


def test_samples_to_try_are_those_whose_true_answer_it_is(invoke: Invoke) -> None:
    lines = [each for each in invoke("explain", "missing_index").stdout.splitlines() if each.startswith("try it: ")]
    assert "try it: loadlab run faults/missing-index" in lines
    assert all(places.sample_files()[each.split()[-1]].with_name("expected.toml").is_file() for each in lines)
    assert "try it" not in invoke("explain", "host_unstable").stdout


def test_dashes_and_capitals_will_do(invoke: Invoke) -> None:
    assert invoke("explain", "Single-Core").stdout == invoke("explain", "single_core").stdout


def test_a_typo_is_told_what_was_meant(invoke: Invoke) -> None:
    done = invoke("explain", "singel_core")
    assert done.exit_code == 2
    assert 'error: "singel_core": there is no such kind; did you mean single_core?' in done.stderr


def test_the_page_of_kinds_is_up_to_date(invoke: Invoke) -> None:
    """Mended with: loadlab units --markdown > docs/kinds.md"""
    assert (ROOT / "docs/kinds.md").read_text(encoding="utf-8") == kinds_page()


def test_the_page_of_kinds_has_every_rule_in_a_known_branch() -> None:
    page = kinds_page()
    for name, unit in catalogue.units("rules").items():
        assert f"### `{name}`" in page
        assert unit.BRANCH in BRANCHES


FINE = Check("cores", OK, "4")
POOR = Check("stacks (ptrace)", WARNING, "not permitted", "sudo sysctl kernel.yama.ptrace_scope=0")
NONE = Check("python", MISSING, "locust not installed", "pip install loadlab")


@pytest.mark.parametrize(
    ("found", "code", "last"),
    [
        ([FINE], 0, "This machine can measure."),
        ([FINE, POOR], 0, "This machine can measure; stacks (ptrace) would make it better."),
        ([FINE, POOR, NONE], 2, "This machine cannot measure: python."),
    ],
)
def test_check_leaves_with_two_only_where_no_run_is_possible(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, found: list[Check], code: int, last: str
) -> None:
    monkeypatch.setattr(_checks, "look", lambda: iter(found))
    done = invoke("check")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (code, last)
    if POOR in found:
        says = "warning stacks (ptrace): not permitted; mend it with: sudo sysctl kernel.yama.ptrace_scope=0"
        assert says in done.stdout.splitlines()
    assert invoke("check", "--json").exit_code == code


def test_a_check_that_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Check:
        raise RuntimeError("odd")

    monkeypatch.setattr(_checks, "CHECKS", (broken, lambda: iter([FINE, NONE])))
    found = list(_checks.look())
    assert found == [Check("broken", WARNING, "could not be looked at: RuntimeError: odd"), FINE, NONE]


@pytest.mark.parametrize(
    ("limits", "state", "mend"),
    [
        ((1024, 4096), WARNING, "ulimit -n 4096"),
        ((1024, 1024), WARNING, "sudo prlimit --pid $$ --nofile=4096:4096"),
        ((8192, 8192), OK, ""),
        ((-1, -1), OK, ""),
    ],
)
def test_open_files(limits: tuple[int, int], state: str, mend: str) -> None:
    found = _checks.open_files(limits)
    assert (found.state, found.mend) == (state, mend)


def test_what_proc_hides_is_named(tmp_path: Path) -> None:
    own = tmp_path / "self"
    own.mkdir()
    assert _checks.proc(tmp_path).state == MISSING
    for name in ("stat", "status", "schedstat", "wchan"):
        (own / name).write_text("")
    assert _checks.proc(tmp_path).says == "syscall cannot be read: what threads wait for will be unknown"
    (own / "syscall").write_text("")
    assert _checks.proc(tmp_path).state == OK


def test_a_kernel_without_pressure_is_a_warning(tmp_path: Path) -> None:
    assert _checks.pressure(tmp_path).state == WARNING


@pytest.mark.real
def test_this_machine_is_looked_at(invoke: Invoke) -> None:
    done = invoke("check", "--json")
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert done.exit_code == 0
    assert {"system", "python", "cores", "/proc", "stacks (ptrace)", "sockets", "timestamps", "nginx"} <= set(found)
    assert all(each["mend"] or each["state"] == OK for each in found.values() if each["name"] != "timestamps")
    assert not [each for each in found.values() if "could not be looked at" in each["says"]]
