"""Whoever reads a full pipe, and has no time left, is the limit; who writes into it stands still for that."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from tests.build import Builder, Proc, Thread, loop

WRITES = loop(0.57, blocked={"file_io": 0.38}, idle=0.05)
READS = Thread(0.92, 0.07, {"running": 1.0})


def logged(reader: Thread = READS, *, reads: bool = True, peer: str = "full pipe") -> Builder:
    """Recorded of a server whose log goes through a program that takes names out of it (`app | redact`)."""
    built = Builder(cores=2).service(
        "app", Proc(cores=0.57, threads=[WRITES]), Proc(cores=reader.cores, threads=[reader])
    )
    built.load(750, growth=1.02).generator(0.1).host()
    writer, other = built.pid - 20, built.pid - 10
    for pid, name, share in ((writer, peer, 0.38), (other, "pipe" if reads else "file:/x", 0.0)):
        built.counter("waits.samples", Entity("wait", "app", 0, pid, pid, name), 50.0 * share, before=10.0)
    lines = {writer: ("note", "/srv/app/app.py", 26, 90), other: ("clean", "/srv/app/redact.py", 17, 270)}
    for pid, line in lines.items():
        built.pid = pid
        built.stack("app", "all", line)
        built.stack("app", "gil", line)
    return built


def test_the_reader_is_named_and_its_own_line() -> None:
    found = diagnose(logged().recording())
    first = found.bottleneck
    assert first is not None and (first.kind, first.service) == ("single_core", "app")
    assert first.sentence == "app is limited by one CPU core: clean() at redact.py:17 takes 100% of it"
    assert first.remedy.text.endswith("Let several processes read it, or write less: fewer lines, shorter ones.")
    assert any("it reads a pipe that is full: whoever writes into it stood 38%" in each.says for each in first.evidence)
    (other,) = [each for each in found.others if each.kind == "event_loop_blocked"]
    assert other.sentence == "the event loop of app is blocked by writes into a full pipe in note() at app.py:26"


@pytest.mark.parametrize(("idle", "kind"), [(0.31, "single_core"), (0.1, "all_cores")])
def test_a_reader_that_waits_for_a_core_now_and_then(idle: float, kind: str) -> None:
    """Recorded of two processes with threads that log into a pipe, each a little of its time: on a machine that is not
    full the reader has 72% of a core, and waits for one."""
    built = Builder(cores=2).service("app", Proc(cores=0.72, threads=[Thread(0.72, 0.28, {"running": 1.0})]))
    built.counter("waits.samples", Entity("wait", "app", 0, built.pid, built.pid, "pipe"), 0.0, before=10.0)
    line = Thread(0.05, 0.1, {"running": 0.15, "futex": 0.78, "file_io": 0.07}, "futex")
    for _ in range(2):
        built.process("app", Proc(cores=0.4, threads=[loop(0.03, idle=0.85), *[line] * 5]))
        for tid in range(built.pid + 1, built.pid + 6):
            built.counter("waits.samples", Entity("wait", "app", 0, built.pid, tid, "full pipe"), 50.0 * 0.07)
    built.load(620, growth=1.02).generator(0.1).host(idle=idle)
    first = diagnose(built.recording()).bottleneck
    assert first is not None and (first.kind, first.service) == (kind, "app")
    stood = "it reads a pipe that is full: whoever writes into it stood 35% of the time"
    assert (stood in [each.says for each in first.evidence]) == (kind == "single_core")


@pytest.mark.parametrize(
    "built",
    [logged(reads=False), logged(peer="file:/x"), logged(Thread(0.2, 0.0, {"running": 0.2, "socket_wait": 0.8}))],
    ids=["the other reads no pipe", "nobody stands at one", "the reader waits itself"],
)
def test_else_the_loop_stands_still_for_reasons_of_its_own(built: Builder) -> None:
    first = diagnose(built.recording()).bottleneck
    assert first is not None and first.kind == "event_loop_blocked"
    assert first.where is not None and first.where.function == "note", "a line of the process that it speaks of"
