"""Work in bursts that holds requests up, and what looks like it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, Floats, RequestInterval, Series
from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import Signals
from tests.build import END, STACKS, STEADY, Builder, Proc, loop


@dataclass(frozen=True)
class Course:
    """Seconds of the steady load by turns: (requests/s, ms each took), and the process's cores in the same."""

    seconds: tuple[tuple[float, float], ...] = ((96, 2.6), (96, 2.6), (96, 2.6), (0, 0), (48, 805))
    cores: tuple[float, ...] = (0.1, 0.1, 0.1, 0.95, 0.9)
    threads: int = 1
    """That do it; the loop is none of them, unless 0."""
    model: str = "closed"


CATALOGUE = Course()
"""As recorded: a thread reads 30 MB of JSON each few seconds, for two of them (Flask, gunicorn with threads)."""
BOARD = Course(((194, 2.4), (108, 88), (187, 2.9)), (0.2, 0.7, 0.25), threads=12)
"""As recorded: a table kept for two seconds is made by all threads at once when its time is over."""


def web(course: Course = CATALOGUE, noise: float = 0.0) -> Builder:
    built = Builder(noise=noise).service("web", Proc(cores=0.0, threads=[loop(0.02, idle=0.9)]))
    built.load(rps=60).generator()
    built.profile = {"model": course.model, "shape": "constant"}
    built.requests = [each for each in built.requests if each.start < STEADY[0]]
    for at, start in enumerate(np.arange(STEADY[0], STACKS[1], 1.0)):
        rps, ms = course.seconds[at % len(course.seconds)]
        count = round(rps * max(0.0, 1 + noise * 0.3 * built.random.standard_normal()))
        if count:
            begin = float(start)
            built.requests.append(RequestInterval(begin, begin + 1, "GET /", "ok", count, count * ms, 2, 3, 9, 9))
    _computes(built, course)
    built.stack("web", "gil", ("reload", "/srv/web/shop.py", 23, 200))
    return built.host()


def _computes(built: Builder, course: Course) -> None:
    (series,) = built.series["process.cpu_user_s"][:1]
    process = series.entity
    rates = np.array([course.cores[int(t - STEADY[0]) % len(course.cores)] for t in built.t[:-1]])
    rates[(built.t[:-1] < STEADY[0]) | (built.t[:-1] >= END)] = 0.1
    grown: Floats = np.concatenate([[0.0], np.cumsum(rates * 0.5)])
    built.series["process.cpu_user_s"][0] = replace(series, v=grown)
    pids = [process.pid + 1 + each for each in range(course.threads)] or [process.pid]
    for tid in pids:
        entity = Entity("thread", "web", 0, process.pid, tid, "python")
        every = built.series.setdefault("threads.cpu_s", [])
        every[:] = [each for each in every if each.entity.tid != tid]
        entity = replace(entity, name="t0") if tid == process.pid else entity
        every.append(Series(entity, "threads.cpu_s", built.t, grown / len(pids)))


def verdict(built: Builder) -> Verdict:
    return ask(units("rules")["bursts_of_work"], Signals(built.recording()))


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(
    ("course", "who", "remedy"),
    [
        (CATALOGUE, "another of its threads computes", "a process of its own"),
        (replace(CATALOGUE, threads=0), "the thread that takes them computes", "a process of its own"),
        (BOARD, "12 of its threads compute at once", "let one do it"),
    ],
)
def test_requests_are_held_up_by_bursts(course: Course, who: str, remedy: str, noise: float) -> None:
    built = web(course, noise)
    found = verdict(built)
    assert isinstance(found, Found), found
    (fault,) = found.faults
    assert f"while {who} in reload() at shop.py:23" in fault.sentence
    assert remedy in fault.remedy
    diagnosis = diagnose(built.recording())
    assert diagnosis.bottleneck is not None and diagnosis.bottleneck.kind == "bursts_of_work"


NOT_BURSTS = [
    (replace(CATALOGUE, cores=(0.1,)), "nobody computes meanwhile: a lock elsewhere, a checkpoint"),
    (replace(CATALOGUE, cores=(0.95,)), "it computes all the time: the core is what is full"),
    (Course(((96, 2.6), (96, 2.6), (20, 2.4)), (0.1, 0.1, 0.7)), "fewer ask in that second, and nobody waits"),
    (Course(((96, 2.6), (90, 3.0), (88, 9.0)), (0.1, 0.1, 0.9)), "a short burst that hardly anybody notices"),
    (Course(((6, 20), (6, 20), (3, 150)), (0.1, 0.1, 0.9)), "so few requests that chance spreads them as unevenly"),
    (Course(((96, 2.6),) * 17 + ((0, 0),), (0.1,) * 17 + (0.9,)), "once may be a start"),
]


@pytest.mark.parametrize(("course", "why"), NOT_BURSTS, ids=[each[1] for each in NOT_BURSTS])
def test_not_bursts(course: Course, why: str) -> None:
    assert isinstance(verdict(web(course)), Clear), why


def test_of_an_open_load_nothing_is_said() -> None:
    assert isinstance(verdict(web(replace(CATALOGUE, model="open"))), Unknown)
