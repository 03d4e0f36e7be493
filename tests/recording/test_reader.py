"""Reading back what was written; what is left of files that were cut off or altered."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.clock import FakeClock
from loadlab.errors import RecordingError
from loadlab.load import EndpointInterval, LoadInterval
from loadlab.recording.model import Entity, Metric, Recording
from loadlab.recording.reader import is_recording, read
from loadlab.recording.writer import Recorder
from tests.recording.conftest import HOSTILE, fill, meta

FILES = ("run.json", "samples.sqlite", "requests.hlog", "errors.jsonl")


def test_everything_comes_back(recorded: Path) -> None:
    found = read(recorded)
    assert found.meta == meta()
    assert [(each.name, each.start, each.end) for each in found.phases] == [("search", 0, 3), ("steady", 3, 5)]
    assert found.metrics[-2:] == ("process.cpu_user_s", "process.rss_bytes")
    (series,) = found.series("process.cpu_user_s", pid=12)
    assert series.entity == Entity("process", "app", 0, 12, 0, "python app.py")
    assert list(series.t) == [0, 1, 2, 3, 4]
    assert series.v == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    (memory,) = found.series("process.rss_bytes", pid=12)
    assert np.isnan(memory.v[1])
    ticks = found.ticks["process"]
    assert len(ticks.t) == 11
    assert (ticks.late_ms[0], ticks.cost_ms[0]) == (0.25, 1.5)
    assert ticks.errors == ((4.5, "permission denied"),)
    assert [(each.kind, each.service, each.pid, each.data) for each in found.events] == [
        ("note", "app", 11, {"text": HOSTILE})
    ]
    assert {each.endpoint for each in found.requests} == {HOSTILE, "GET /"}
    (kind,) = found.errors
    assert (kind.endpoint, kind.error, kind.count, kind.sample) == ("GET /", HOSTILE, 3, "the whole message")
    quantiles = found.quantiles(3, 5, endpoint=HOSTILE, result="ok")
    assert quantiles is not None
    assert quantiles.count == 20
    assert quantiles.p99_ms == pytest.approx(5.0, rel=0.001)
    assert [(each.service, each.instance, each.pid, each.mode) for each in found.stacks] == [
        ("my-app", 1, 11, "active")
    ]
    assert is_recording(recorded)


def test_what_the_generator_counts_becomes_counters(recorded: Path) -> None:
    found = read(recorded)
    (sent,) = found.series("generator.sent")
    assert list(sent.t) == [0, 1, 2, 3, 4, 5, 5.5]
    assert list(sent.v) == [0, 10, 20, 30, 40, 50, 51]
    (failed,) = found.series("generator.failed", service="generator")
    assert failed.v[-1] == 1
    (users,) = found.series("generator.users")
    assert list(users.v) == [4] * 7


def test_a_finished_recording_is_read_without_a_trace(recorded: Path) -> None:
    before = sorted((each.name, each.stat().st_size) for each in recorded.rglob("*"))
    read(recorded)
    assert sorted((each.name, each.stat().st_size) for each in recorded.rglob("*")) == before


def test_stacks_come_back_with_file_and_line(recorder: Recorder) -> None:
    recorder.stacks("my-app", 1, 11, "gil", 'thread (12): "MainThread";main (app.py:3);render (app.py:42) 7\n')
    (recorder.folder / "stacks" / "of somebody else.folded").write_text("x")
    (recorder.folder / "stacks" / "app-0-7.active.folded").write_bytes(b"\xff\xfe;;; not at all\n\x00")
    recorder.close()
    found = {each.service: each for each in read(recorder.folder).stacks}
    ((_, frames, count),) = found["my-app"].samples
    assert (frames[-1].function, frames[-1].file, frames[-1].line, count) == ("render", "app.py", 42, 7)
    assert set(found) <= {"my-app", "app"}


def test_derived_files_are_never_read(recorded: Path) -> None:
    for name in ("verdict.json", "summary.md", "report.html"):
        (recorded / name).write_bytes(b"\xff nonsense")
    assert read(recorded).meta == meta()


def test_a_running_recording_can_be_read(recorder: Recorder, clock: FakeClock) -> None:
    fill(recorder, clock)
    recorder.flush()
    found = read(recorder.folder)
    assert len(found.requests) == 6
    assert found.phases[-1].end == 5.5
    recorder.close()


def test_a_killed_recording_ends_where_it_was_last_seen(recorder: Recorder, clock: FakeClock, tmp_path: Path) -> None:
    fill(recorder, clock)
    recorder.flush()
    killed = tmp_path / "killed"
    shutil.copytree(recorder.folder, killed)
    recorder.close()
    found = read(killed)
    assert [(each.name, each.end) for each in found.phases] == [("search", 3), ("steady", 5.5)]
    assert [(each.users, each.end) for each in found.levels] == [(8, 5.5)]
    assert found.end == 5.5


def test_parts_that_are_missing_are_empty(recorded: Path) -> None:
    for each in recorded.iterdir():
        if each.name != "run.json":
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    found = read(recorded)
    assert (found.metrics, found.ticks, found.events, found.requests, found.errors, found.stacks) == (
        (),
        {},
        (),
        (),
        (),
        (),
    )
    assert found.quantiles(0, 10) is None


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("run.json", None, "is no recording"),
        ("run.json", b"", "not valid JSON"),
        ("run.json", b"[1]", "not a JSON object"),
        ("run.json", b"{}", "no format number"),
        ("run.json", b'{"format": true}', "no format number"),
        ("run.json", b'{"format": 99, "loadlab": "9.0"}', "written by loadlab 9.0.*update loadlab"),
        ("run.json", b'{"format": 1}', "name"),
        ("run.json", b"[" * 100_000, "run.json"),
        ("samples.sqlite", b"this is no database at all, sorry" * 40, "cannot be read as SQLite"),
    ],
)
def test_a_folder_that_is_no_recording_says_so(recorded: Path, name: str, body: bytes | None, says: str) -> None:
    path = recorded / name
    path.unlink() if body is None else path.write_bytes(body)
    with pytest.raises(RecordingError, match=says):
        read(recorded)
    assert is_recording(recorded) == (name != "run.json")


def test_a_newer_samples_file_says_so(recorded: Path) -> None:
    db = sqlite3.connect(recorded / "samples.sqlite")
    db.execute("PRAGMA user_version=7")
    db.close()
    with pytest.raises(RecordingError, match=r"format 7.*update loadlab"):
        read(recorded)


def test_a_metric_twice_or_an_entity_under_two_numbers_is_put_together(recorded: Path) -> None:
    db = sqlite3.connect(recorded / "samples.sqlite")
    db.execute("INSERT INTO entities VALUES (99, 'process', 'app', 0, 12, 0, 'python app.py')")
    db.execute("INSERT INTO process VALUES (7.0, 99, 0.7, 1), (4.0, 99, 0.9, 1), (9.0, 12345, 0, 0)")
    db.commit()
    db.close()
    (series,) = read(recorded).series("process.cpu_user_s", pid=12)
    assert list(series.t) == [0, 1, 2, 3, 4, 7]


def test_altered_rows_are_passed_over(recorded: Path) -> None:
    db = sqlite3.connect(recorded / "samples.sqlite")
    db.execute("UPDATE events SET data = 'no json'")
    db.execute("UPDATE requests SET count = 'many' WHERE t = 0")
    db.execute("UPDATE entities SET pid = x'00' WHERE pid = 11")
    db.commit()
    db.close()
    found = read(recorded)
    assert found.events == ()
    assert len(found.requests) == 5
    assert len(found.series("process.cpu_user_s")) == 1


def filled(folder: Path) -> Path:
    clock = FakeClock(100.0)
    recorder = Recorder.create(folder, meta(), clock, 100.0)
    fill(recorder, clock)
    recorder.close()
    return recorder.folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("sound"))


def reads(sound: Path, name: str, body: bytes) -> Recording | None:
    """What a copy of a sound recording gives with one file replaced; None where it is refused."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "run"
        shutil.copytree(sound, copy)
        (copy / name).write_bytes(body)
        try:
            return read(copy)
        except RecordingError as error:
            refused = str(error)
    assert name in refused
    return None


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(FILES), share=st.floats(0, 1))
def test_a_file_cut_anywhere_is_refused_or_read(sound: Path, name: str, share: float) -> None:
    whole = (sound / name).read_bytes()
    found = reads(sound, name, whole[: int(len(whole) * share)])
    if name in ("requests.hlog", "errors.jsonl"):
        assert found is not None
        assert len(found.requests) == 6
    if name == "samples.sqlite" and len(whole) * share > 4096:
        assert found is not None


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(FILES), at=st.floats(0, 0.999), junk=st.binary(min_size=1, max_size=40))
def test_a_file_altered_anywhere_is_refused_or_read(sound: Path, name: str, at: float, junk: bytes) -> None:
    body = bytearray((sound / name).read_bytes())
    first = int(len(body) * at)
    body[first : first + len(junk)] = junk
    reads(sound, name, bytes(body))


def test_a_cut_samples_file_says_what_is_lost(sound: Path) -> None:
    whole = (sound / "samples.sqlite").read_bytes()
    found = reads(sound, "samples.sqlite", whole[: len(whole) // 2])
    assert found is not None
    assert "cut off" in found.ticks["recorder"].errors[0][1]
    assert any("damaged" in text for each in found.ticks.values() for _, text in each.errors)


names = st.text(max_size=30)
values = st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-(2**70), 2**70))
rows = st.lists(st.tuples(st.integers(0, 5), names, values, values), max_size=8)


@settings(max_examples=40, deadline=None)
@given(ticks=st.lists(rows, max_size=5), endpoint=names, latency=st.lists(st.integers(0, 2**32 - 1), min_size=1))
def test_whatever_is_written_is_read_back(
    ticks: list[list[tuple[int, str, float | None, float | None]]], endpoint: str, latency: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        recorder = Recorder.create(Path(scratch), meta(), FakeClock(), 0.0)
        recorder.declare("probe", (Metric("a", "", "gauge", ""), Metric("b", "", "gauge", "")))
        for t, tick in enumerate(ticks):
            made = {Entity("thread", "s", 0, pid, 1, name): (a, b) for pid, name, a, b in tick}
            recorder.rows("probe", float(t), list(made.items()), 0, 0)
        us = array("Q", latency)
        part = EndpointInterval(endpoint, "ok", us, us)
        recorder.interval(LoadInterval(0, 1, 1, 0, len(us), len(us), 0, 0, 0, endpoints=(part,)))
        recorder.close()
        assert recorder.problem is None
        found = read(recorder.folder)
    expected = {
        (Entity("thread", "s", 0, pid, 1, name), float(t)): (a, b)
        for t, tick in enumerate(ticks)
        for pid, name, a, b in tick
    }
    seen = {}
    for a, b in zip(found.series("probe.a"), found.series("probe.b"), strict=True):
        for t, first, second in zip(a.t, a.v, b.v, strict=True):
            seen[a.entity, t] = (first, second)
    assert seen.keys() == expected.keys()
    for key, (first, second) in expected.items():
        assert seen[key][0] == pytest.approx(np.nan if first is None else float(first), nan_ok=True)
        assert seen[key][1] == pytest.approx(np.nan if second is None else float(second), nan_ok=True)
    (request,) = found.requests
    assert (request.endpoint, request.count) == (endpoint, len(latency))
    assert request.sum_ms == pytest.approx(sum(latency) / 1000)
    quantiles = found.quantiles(0, 1, endpoint=endpoint)
    assert quantiles is not None
    assert quantiles.count == len(latency)


def test_run_json_is_plain_json_for_others(recorded: Path) -> None:
    body = json.loads((recorded / "run.json").read_text())
    assert body["services"][0]["ports"] == [8000]
    assert body["phases"][0] == {"name": "search", "start": 0.0, "end": 3.0, "users": 0, "rate": 0.0}
