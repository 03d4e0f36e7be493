"""What the Recorder writes, and what it does when the disk does not take it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loadlab.clock import FakeClock
from loadlab.errors import RecordingError
from loadlab.load import Failures, LoadInterval
from loadlab.recording import format as on_disk
from loadlab.recording.disk import Disk
from loadlab.recording.model import Entity, Metric
from loadlab.recording.reader import read
from loadlab.recording.writer import QUEUE, Recorder

METRIC = (Metric("value", "units", "gauge", "made up"),)


def entity(pid: int) -> Entity:
    return Entity("process", "app", 0, pid)


def test_run_json_is_there_before_anything_happens(recorder: Recorder) -> None:
    body = json.loads((recorder.folder / "run.json").read_text())
    assert body["format"] == 1
    assert body["name"] == "shop"
    assert body["phases"] == []
    recorder.close()


def test_the_timeline_ends_each_phase_where_the_next_begins(recorder: Recorder, clock: FakeClock) -> None:
    recorder.phase("search")
    recorder.level(4, "search")
    clock.sleep(2)
    recorder.level(8, "search", start=recorder.now() + 0.5)
    clock.sleep(3)
    recorder.phase("steady")
    clock.sleep(1)
    recorder.level(8, "steady")
    clock.sleep(1)
    recorder.level_end()
    clock.sleep(5)
    recorder.close()
    found = read(recorder.folder)
    assert [(each.name, each.start, each.end) for each in found.phases] == [("search", 0, 5), ("steady", 5, 12)]
    levels = [(each.users, each.phase, each.start, each.end) for each in found.levels]
    assert levels == [(4, "search", 0, 2), (8, "search", 2.5, 5), (8, "steady", 6, 7)]


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path, recorder: Recorder, clock: FakeClock) -> None:
    with Recorder.create(tmp_path / "runs", recorder.meta, clock, 100.0) as other:
        assert other.folder != recorder.folder
    recorder.close()


def test_a_folder_that_cannot_be_written_is_an_error_with_the_way_out(tmp_path: Path, recorder: Recorder) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="--runs"):
        Recorder.create(tmp_path / "file", recorder.meta, FakeClock(), 0.0)
    recorder.close()


def test_names_of_services_cannot_leave_the_folder(recorder: Recorder) -> None:
    assert recorder.log_path("../../etc/x", 0).parent == recorder.folder / "logs"
    recorder.stacks("../up", 0, 1, "gil", "x 1\n")
    assert [each.parent for each in recorder.folder.rglob("*.folded")] == [recorder.folder / "stacks"]
    recorder.close()


def test_meta_can_be_completed_later(recorder: Recorder) -> None:
    recorder.update_meta(versions={"nginx": "1.22"})
    recorder.close()
    assert read(recorder.folder).meta.versions == {"nginx": "1.22"}


def test_closing_twice_and_writing_afterwards_do_nothing(recorder: Recorder, make: Callable[..., LoadInterval]) -> None:
    recorder.close()
    recorder.close()
    recorder.rows("process", 1.0, [], 0, 0)
    recorder.interval(make(0, 1, [5]))
    recorder.phase("steady")
    assert recorder.problem is None
    assert read(recorder.folder).phases == ()
    assert not list(recorder.folder.glob("*-wal"))


def test_rows_that_do_not_fit_become_a_failed_tick(recorder: Recorder) -> None:
    recorder.declare("host", METRIC)
    recorder.rows("host", 1.0, [(entity(1), (1.0, 2.0))], 0, 0)
    recorder.rows("host", 2.0, [(entity(1), (float("nan"),))], 0, 0)
    recorder.rows("nobody", 3.0, [(entity(1), (1.0,))], 0, 0)
    recorder.close()
    found = read(recorder.folder)
    assert [t for t, _ in found.ticks["host"].errors] == [1.0]
    assert "never declared" in found.ticks["nobody"].errors[0][1]
    (series,) = found.series("host.value")
    assert list(series.t) == [2.0]
    assert recorder.problem is None


def test_names_that_cannot_be_columns_are_recorded_as_a_failure(recorder: Recorder) -> None:
    recorder.declare("ticks", METRIC)
    recorder.declare("good", (Metric('x" REAL); DROP TABLE ticks; --', "", "gauge", ""),))
    recorder.close()
    errors = read(recorder.folder).ticks["recorder"].errors
    assert len(errors) == 2
    assert recorder.problem is None


class Stuck:
    """Holds the writer's thread until it is let go."""

    def __init__(self, recorder: Recorder) -> None:
        self.free, self.held = threading.Event(), threading.Event()
        recorder._put(self)

    def __call__(self, disk: Disk) -> None:
        self.held.set()
        self.free.wait(20)


def test_a_disk_that_cannot_follow_costs_ticks_not_memory(
    recorder: Recorder, make: Callable[..., LoadInterval]
) -> None:
    recorder.declare("host", METRIC)
    stuck = Stuck(recorder)
    recorder._wake.set()
    stuck.held.wait(20)
    for number in range(QUEUE + 500):
        recorder.rows("host", float(number), [(entity(1), (1.0,))], 0, 0)
    assert recorder._queue.qsize() <= QUEUE
    recorder.interval(make(0, 1, [1000]))
    stuck.free.set()
    assert recorder.flush()
    recorder.close()
    found = read(recorder.folder)
    assert len(found.ticks["host"].errors) == 1
    assert "ticks dropped" in found.ticks["host"].errors[0][1]
    assert len(found.requests) == 1


def test_a_full_disk_stops_the_recording_and_says_so_where_the_run_can_end(
    recorder: Recorder, clock: FakeClock, make: Callable[..., LoadInterval], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.phase("steady")
    recorder.interval(make(0, 1, [1000]))
    recorder.flush()
    recorder.check()

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Disk, "interval", full)
    recorder.interval(make(1, 2, [1000]))
    recorder.flush()
    assert recorder.problem is not None
    with pytest.raises(RecordingError, match=r"disk is full; free some space .*--runs DIR.*loadlab diagnose"):
        recorder.check()
    recorder.interval(make(2, 3, [1000]))
    recorder.event("note", text="afterwards")
    recorder.phase("stop")
    recorder.close()
    found = read(recorder.folder)
    assert len(found.requests) == 1
    assert [each.name for each in found.phases] == ["steady"]


def test_long_runs_are_thinned_but_for_ticks_and_borders(recorder: Recorder, clock: FakeClock) -> None:
    recorder.declare("host", METRIC)
    for number in range(40):
        t = on_disk.FULL_S - 10 + number / 2
        if number == 31:
            clock.now = 100.0 + t - 0.1
            recorder.phase("steady")
        recorder.rows("host", t, [(entity(1), (float(number),))], 0, 0)
        recorder.flush()
    recorder.close()
    found = read(recorder.folder)
    (series,) = found.series("host.value")
    assert len(found.ticks["host"].t) == 40
    kept = [t - on_disk.FULL_S for t in series.t if t >= on_disk.FULL_S]
    assert kept == [1.5, 3.5, 5.5, 7.5, 9.5] or kept == [0, 2, 4, 5.5, 7.5, 9.5]
    assert len(series.t) == 20 + len(kept)


def test_errors_are_counted_by_kind_with_one_sample(recorder: Recorder, make: Callable[..., LoadInterval]) -> None:
    def failed(second: int, kinds: int) -> LoadInterval:
        errors = tuple(
            Failures("GET /", f"kind {n}", 2, second + 0.1, second + 0.9, f"s{second}") for n in range(kinds)
        )
        return LoadInterval(second, second + 1, 1, 0, 0, 0, 0, 0, 0, errors=errors)

    recorder.interval(failed(0, 1))
    recorder.flush()
    recorder.interval(failed(1, on_disk.MAX_ERROR_KINDS + 50))
    recorder.close()
    found = read(recorder.folder).errors
    assert len(found) == on_disk.MAX_ERROR_KINDS + 1
    by_name = {each.error: each for each in found}
    assert by_name["kind 0"].count == 4
    assert (by_name["kind 0"].first, by_name["kind 0"].last, by_name["kind 0"].sample) == (0.1, 1.9, "s0")
    assert by_name[on_disk.OTHER].count == 100


def test_endless_urls_are_put_together(recorder: Recorder, make: Callable[..., LoadInterval]) -> None:
    for number in range(on_disk.MAX_ENDPOINTS + 20):
        recorder.interval(make(number, number + 1, [1000], f"GET /{number}"))
    recorder.close()
    found = read(recorder.folder)
    assert len({each.endpoint for each in found.requests}) == on_disk.MAX_ENDPOINTS + 1
    other = found.quantiles(0, 1e6, endpoint=on_disk.OTHER)
    assert other is not None
    assert other.count == 20


def test_listeners_hear_only_while_they_want_to(recorder: Recorder, make: Callable[..., LoadInterval]) -> None:
    class Ear:
        heard = 0

        def interval(self, interval: LoadInterval) -> None:
            self.heard += 1

    with recorder.heard_by(Ear()) as ear:
        recorder.interval(make(0, 1, [1]))
    recorder.interval(make(1, 2, [1]))
    assert ear.heard == 1
    recorder.close()


def test_many_threads_can_write_at_once(recorder: Recorder, make: Callable[..., LoadInterval]) -> None:
    recorder.declare("host", METRIC)

    def work(number: int) -> None:
        for tick in range(50):
            recorder.rows("host", float(tick), [(entity(number), (float(tick),))], 0, 0)
            recorder.event("note", pid=number, text=str(tick))
        recorder.level(number, "search")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    recorder.close()
    found = read(recorder.folder)
    assert len(found.events) == 400
    assert [len(each.t) for each in found.series("host.value")] == [50] * 8
    assert len(found.levels) == 8
