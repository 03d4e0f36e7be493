"""Programs that are started for requests; with look-alikes."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread, loop, system

STARTED = Frame("check_output", "/usr/lib/python3.11/subprocess.py", 466)


def verdict(built: Builder) -> Verdict:
    return ask(units("rules")["process_churn"], Signals(built.recording()))


def wiki(ended: float = 1.5, cores: float = 0.2, noise: float = 0.0, **options: object) -> Builder:
    """gunicorn with threads, each of which runs git for a request: 0.2 cores of its own."""
    threads = [Thread(0.03, 0.0, {"running": 0.03, "file_io": 0.95}) for _ in range(8)]
    proc = Proc(cores=cores, system=cores / 2, busy=0.15, ended=ended, threads=threads)
    built = system(proc, noise=noise, rps=145, **options)
    frames = (Frame("history", "/srv/app/thumbs.py", 27), STARTED)
    built.stacks.append(Stacks("app", 0, built.pid - 10, "all", (("t", frames, 600),)))
    return built


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_cpu_goes_into_programs_that_lived_too_briefly_to_be_watched(noise: float) -> None:
    built = wiki(noise=noise)
    found = verdict(built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.where is not None and (fault.where.function, fault.where.line) == ("history", 27)
    diagnosis = diagnose(built.recording())
    assert diagnosis.bottleneck is not None and diagnosis.bottleneck.kind == "process_churn"
    assert not {"all_cores", "kernel_time", "cpu_neighbour"} & {each.kind for each in diagnosis.others}


def test_threads_that_stand_in_a_pipe_wait_for_the_cores_not_for_more_of_them() -> None:
    """As recorded with twice as many users as threads: all of these were taken, at 2% idle."""
    threads = [Thread(0.03, 0.0, {"running": 0.03, "socket_wait": 0.95}, early_idle="futex") for _ in range(8)]
    proc = Proc(cores=0.2, system=0.1, ended=1.5, threads=[loop(0.03, idle=0.9), *threads])
    built = system(proc, rps=145).edge("generator", "app", outstanding=16)
    diagnosis = diagnose(built.recording())
    assert diagnosis.bottleneck is not None and diagnosis.bottleneck.kind == "process_churn"
    assert "thread_pool_exhausted" not in {each.kind for each in diagnosis.others}


NOT_PROGRAMS = [
    (wiki(ended=0.4, cores=1.2), "most is its own work"),
    (wiki(ended=0.6), "cores are idle: it is their number that limits, or the wait for them"),
    (system(Proc(cores=1.6)), "nothing was charged"),
]


@pytest.mark.parametrize(("built", "why"), NOT_PROGRAMS, ids=[each[1] for each in NOT_PROGRAMS])
def test_not_programs(built: Builder, why: str) -> None:
    assert isinstance(verdict(built), Clear), why


def test_a_program_started_by_a_database_is_its_own_way_to_work() -> None:
    built = Builder().service("app", Proc(cores=0.1)).service("db", Proc(cores=0.2, ended=1.4), role="database")
    assert isinstance(verdict(built.load().generator().host()), Clear)


def test_what_children_used_is_no_strangers() -> None:
    signals = Signals(wiki().recording())
    assert signals.host.others == pytest.approx(0.0, abs=0.02)
    assert signals.cpu.services["app"].cores == pytest.approx(1.7, abs=0.01)


@pytest.mark.parametrize(("imports", "first"), [(88, "Import what a task needs"), (5, "Do it in the process")])
def test_what_forks_import_anew_is_told_first(imports: int, first: str) -> None:
    """Recorded of two `rq worker`, each of which forks for each job; the job imports a library within its function."""
    built = wiki()
    job, loads = Frame("label", "/srv/app/jobs.py", 5), Frame("_find_and_load", "<frozen importlib._bootstrap>", 1178)
    samples = (("MainThread", (job, loads), imports), ("MainThread", (job,), 100 - imports))
    built.stacks.append(Stacks("app", 0, built.pid - 9, "gil", samples))
    found = verdict(built)
    assert isinstance(found, Found) and found.faults[0].remedy.startswith(first)
    assert any("of its CPU went into importing modules" in each.says for each in found.faults[0].evidence) == (
        imports > 50
    )
