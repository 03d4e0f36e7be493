"""CPU that only the accounts of parents tell of."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.recording.model import Entity, Recording, Series
from loadlab.signals import ended
from loadlab.signals.windows import measured
from tests.build import Builder, Proc

MASTER = Entity("process", "app", 0, 50, 0, "python app")


def charged(*more: tuple[Entity, str, list[float], list[float]], per_s: float = 0.0) -> ended.Ended:
    """A master that is charged `per_s` each second, beside series of (who, metric, times, values)."""
    built = Builder().service("app", Proc(cores=0.2)).service("db", Proc()).load()
    built.counter("process.cpu_user_s", MASTER, 0.0)
    built.counter("process.ended_user_s", MASTER, per_s)
    built.counter("process.ended_system_s", MASTER, per_s / 2)
    for entity, metric, t, v in more:
        built.series.setdefault(metric, []).append(Series(entity, metric, np.array(t), np.array(v)))
    recording = built.recording()
    return ended.compute(recording, measured(recording))["app"]


def test_what_a_parent_is_charged_with_is_its_services() -> None:
    found = charged(per_s=0.8)
    assert (found.user, found.system) == (pytest.approx(0.8), pytest.approx(0.4))
    assert found.program == "", "none was seen while it ran"


def test_the_whole_life_of_a_worker_that_was_watched_is_not_counted_again() -> None:
    """Renewed after so many requests, as gunicorn's --max-requests does: nine seconds are charged at once."""
    worker = Entity("process", "app", 0, 60, 0, "python app: worker")
    parent = Entity("process", "app", 0, 55, 0, "python app: master of workers")
    life = (worker, "process.cpu_user_s", [5.0, 15.0, 25.0], [0.0, 5.0, 9.0])
    account = (parent, "process.ended_user_s", [5.0, 25.0, 25.5, 40.0], [0.0, 0.0, 9.0, 9.0])
    assert charged(life, account).user == pytest.approx(0.0)


def test_a_program_seen_while_it_ran_is_named_and_what_was_seen_of_it_taken_off() -> None:
    tool = Entity("process", "app", 0, 70, 0, "/usr/bin/git log --stat")
    fork = Entity("process", "app", 0, 71, 0, "python app")
    found = charged(
        (tool, "process.cpu_user_s", [24.0], [0.22]), (fork, "process.cpu_user_s", [26.0], [0.0]), per_s=0.8
    )
    assert found.program == "git", "the fork had not become its program yet"
    assert found.user == pytest.approx(0.8 - 0.22 / 11.0)


def over_time(account: list[float], *children: tuple[float, float, float]) -> list[float]:
    """Cores of ended children of `app` at each second, from its account and (first seen, last seen, CPU) of some."""
    t = np.arange(len(account), dtype=float)
    built = Builder().service("app", Proc()).load()
    built.series = {
        "process.cpu_user_s": [Series(MASTER, "process.cpu_user_s", t, t * 0.1)],
        "process.ended_user_s": [Series(MASTER, "process.ended_user_s", t, np.array(account))],
    }
    for number, (first, last, used) in enumerate(children):
        lived = np.arange(first, last + 1)
        child = Entity("process", "app", 0, 60 + number, 0, "worker")
        built.series["process.cpu_user_s"].append(
            Series(child, "process.cpu_user_s", lived, np.linspace(0, used, len(lived)))
        )
    (found,) = ended.over_time(built.recording())
    assert found.entity.service == "app" and found.t.tolist() == t[1:].tolist()
    return [round(float(each), 3) for each in found.v]


@pytest.mark.parametrize(
    ("account", "children", "expected"),
    [
        ([5.0, 6.6, 8.2, 8.2, 8.4], [], [1.6, 1.6, 0.0, 0.2]),
        ([0.0, 0.0, 0.0, 9.5, 9.5], [(0, 2, 9.0)], [0.0, 0.0, 0.5, 0.0]),
        ([0.0, 0.0, 0.0, 0.0, 9.5], [(0, 2, 9.0)], [0.0, 0.0, 0.0, 0.5]),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 3.0], [(0, 2, 9.0)], [0.0, 0.0, 0.0, 0.0, 3.0]),
    ],
    ids=["brief programs", "a worker, waited for at once", "waited for a look later", "one nobody ever waited for"],
)
def test_what_ended_over_time(
    account: list[float], children: list[tuple[float, float, float]], expected: list[float]
) -> None:
    assert over_time(account, *children) == expected


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("/usr/bin/git log --stat", "git"),
        ("/srv/.venv/bin/python -I label.py 815094797", "python label.py"),
        ("/bin/sh /srv/tool/wrap.sh x", "sh wrap.sh"),
        ("python -V", "python"),
    ],
)
def test_of_an_interpreter_what_it_runs_is_named(command: str, program: str) -> None:
    tool = Entity("process", "app", 0, 70, 0, command)
    assert charged((tool, "process.cpu_user_s", [24.0], [0.0]), per_s=0.8).program == program


def test_a_recording_without_the_accounts_says_nothing() -> None:
    recording = Builder().service("app", Proc()).load().recording()
    assert ended.compute(recording, measured(recording)) == {}


def test_the_account_of_loadlab_has_whole_instances_in_it() -> None:
    built = Builder().service("app", Proc()).load()
    for metric in ("process.ended_user_s", "process.ended_system_s"):
        built.counter(metric, Entity("process", "loadlab", 0, 9), 3.0)
    recording: Recording = built.recording()
    assert sum(each.cores for each in ended.compute(recording, measured(recording)).values()) == 0
    assert ended.over_time(recording)[0].v.max() == 0
