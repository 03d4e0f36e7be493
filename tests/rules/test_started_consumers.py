"""A consumer that makes a process for each message and waits for it has no time left, though it stands still."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.diagnosis.model import Finding
from loadlab.recording.model import Entity, Frame, Stacks
from tests.build import Builder, Proc, Thread

JOB = Frame("shelf_label", "/srv/clerk/jobs.py", 5)
LOADS = Frame("_find_and_load", "<frozen importlib._bootstrap>", 1178)


def queued(ended: float = 0.86, *, imports: int = 88, waits: float = 0.96) -> Builder:
    """Recorded of `rq worker`, which forks for each job; the job imports a library within its function. ended: cores of
    these processes; imports: of a hundred samples of theirs."""
    built = Builder().service("app", Proc(cores=0.05, busy=0.05), uses=("store",)).load(10, users=8)
    built.service("store", Proc(cores=0.02), unit="redis", role="cache")
    stands = Thread(0.03, 0.0, {"running": 0.03, "other": 0.01})
    built.service("clerk", Proc(cores=0.03, ended=ended, threads=[stands]), role="worker")
    thread = next(each.entity for each in built.series["threads.samples"] if each.entity.service == "clerk")
    built.counter("threads.wait_child", thread, 50.0 * waits, before=50.0 * waits)
    job = (("MainThread", (JOB, LOADS), imports), ("MainThread", (JOB,), 100 - imports))
    built.stacks += [Stacks("clerk", 0, built.pid + 1, mode, job) for mode in ("all", "gil")]
    built.generator(in_flight=8).host()
    built.edge("generator", "app", outstanding=8).edge("app", "store", outstanding=8)
    built.edge("clerk", "store", outstanding=0.1)
    built.add("queues.waiting", Entity("queue", "store", name="rq:queue:labels"), np.where(built.t >= 20.0, 7.0, 0.0))
    return built


def found(built: Builder) -> Finding:
    first = diagnose(built.recording()).bottleneck
    assert first is not None and (first.kind, first.service) == ("queue_backlog", "clerk")
    return first


def test_what_its_processes_import_anew_is_told() -> None:
    first = found(queued())
    assert first.remedy.text.startswith("Import what a message needs before its process is made")
    assert first.remedy.expected_gain is None
    says = [each.says for each in first.evidence]
    assert "88% of its CPU went into importing modules" in says
    assert any("in processes that it started, waited for, and that ended: it has no time left" in each for each in says)
    assert not any(each.endswith("cores: it has time left") for each in says)


def test_processes_that_do_their_work() -> None:
    assert found(queued(imports=5)).remedy.text.startswith("Keep one process for many messages")


@pytest.mark.parametrize(
    "built", [queued(0.3), queued(waits=0.1)], ids=["they wait themselves", "nobody waits for them"]
)
def test_else_more_at_a_time_is_what_helps(built: Builder) -> None:
    first = found(built)
    assert first.remedy.text.startswith("Let more messages be worked on at a time")
    assert any(each.says.endswith("cores: it has time left") for each in first.evidence)
