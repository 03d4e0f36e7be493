"""A recording of a few seconds with one of everything."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from loadlab.clock import FakeClock
from loadlab.load import EndpointInterval, Failures, LoadInterval
from loadlab.recording.model import Entity, Meta, Metric, ServiceMeta
from loadlab.recording.writer import Recorder

HOSTILE = "GET /</script>,\n Grüße 🦊 a=b|c:d\x00%2F"
METRICS = (
    Metric("cpu_user_s", "s", "counter", "CPU time in user mode"),
    Metric("rss_bytes", "bytes", "gauge", "resident memory"),
)


def meta() -> Meta:
    services = (ServiceMeta("app", "app", "command", 1, command=("python", "app.py"), ports=(8000,)),)
    return Meta(1, "shop", "2026-11-23T17:04:55Z", "0.1", "app", services, {"model": "closed"}, {"cores": 2})


def interval(start: float, end: float, values: list[int], endpoint: str = "GET /") -> LoadInterval:
    us, count = array("I", values), len(values)
    parts = (EndpointInterval(endpoint, "ok", us, array("I", [each // 2 for each in values])),)
    return LoadInterval(start, end, 4, 2, count, count, 0, 1, 100, 0, count, parts, us, us)


def fill(recorder: Recorder, clock: FakeClock, seconds: int = 5) -> None:
    """Five seconds of a run in two phases, with everything a run can have."""
    recorder.declare("process", METRICS)
    recorder.phase("search")
    for second in range(seconds):
        if second == 3:
            recorder.phase("steady")
            recorder.level(8, "steady")
        for pid in (11, 12):
            row = (Entity("process", "app", 0, pid, 0, "python app.py"), (second / 10, None if second == 1 else 5e6))
            recorder.rows("process", float(second), [row], 0.25, 1.5)
        clock.sleep(1.0)
        recorder.interval(interval(second, second + 1, [1000 * (second + 1)] * 10, HOSTILE))
    recorder.failed("process", 4.5, "permission denied", 0.1, 0.2)
    recorder.event("note", "app", 0, 11, text=HOSTILE)
    failed = EndpointInterval("GET /", "fail", array("I", [7]), array("I", [7]))
    errors = (Failures("GET /", HOSTILE, 3, 4.1, 4.9, "the whole message"),)
    recorder.interval(LoadInterval(5, 5.5, 4, 0, 1, 0, 1, 0, 0, endpoints=(failed,), errors=errors))
    recorder.stacks("my-app", 1, 11, "active", "")
    recorder.log_path("app", 0).write_bytes(b"\xff\xfe not text\n")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(100.0)


@pytest.fixture
def recorder(tmp_path: Path, clock: FakeClock) -> Recorder:
    return Recorder.create(tmp_path / "runs", meta(), clock, 100.0)


@pytest.fixture
def recorded(recorder: Recorder, clock: FakeClock) -> Path:
    """The folder of a finished run."""
    fill(recorder, clock)
    recorder.close()
    assert recorder.problem is None
    return recorder.folder


@pytest.fixture
def make() -> Callable[..., LoadInterval]:
    return interval
