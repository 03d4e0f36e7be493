"""The Feed, fed by hand."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from loadlab.catalogue import units
from loadlab.live import Feed, Live, declared
from loadlab.load import EndpointInterval, LoadInterval
from loadlab.load._book import MOST_NAMES
from loadlab.load._book import Book as Ledger
from loadlab.probes import Row
from loadlab.recording.model import Entity

PROCESS = ("cpu_user_s", "cpu_system_s", "rss_bytes", "ended_user_s", "ended_system_s")
THREADS = ("samples", "idle_epoll", "idle_accept", "futex")


class Book:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.ticks: list[tuple[Any, ...]] = []
        self.intervals: list[LoadInterval] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None:
        self.ticks.append((probe, t, list(rows), late_ms, cost_ms))

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        self.ticks.append((probe, t, error, late_ms, cost_ms))

    def interval(self, interval: LoadInterval) -> None:
        self.intervals.append(interval)

    def event(self, kind: str, **data: Any) -> None:
        self.events.append((kind, data))


class Crowd:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.lives: list[Live] = []
        self.phases: list[tuple[str, float | None]] = []

    def phase(self, name: str, ends_in_s: float | None) -> None:
        self.phases.append((name, ends_in_s))

    def tick(self, live: Live) -> None:
        self.lives.append(live)

    def note(self, text: str) -> None:
        raise AssertionError(text)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def feed(book: Book, crowd: Crowd) -> Feed:
    return Feed(book, crowd, {"process": PROCESS, "threads": THREADS}.__getitem__)


def process(
    pid: int, user: float | None, rss: float = 5e6, service: str = "app", instance: int = 0, ended: float = 0.0
) -> Row:
    return Entity("process", service, instance, pid), (user, 0.0, rss, ended, ended)


def thread(tid: int, samples: float, epoll: float, accept: float = 0.0, pid: int = 1, futex: float = 0.0) -> Row:
    return Entity("thread", "app", 0, pid, tid), (samples, epoll, accept, futex)


def interval(start: float, end: float, latencies_ms: list[float], failed: int = 0, users: int = 4) -> LoadInterval:
    micros = array("I", [round(each * 1000) for each in latencies_ms])
    endpoints = (
        EndpointInterval("GET /", "ok", micros, micros),
        EndpointInterval("GET /", "fail", array("I", [1]), array("I", [1])),
    )
    sent = stamped = len(micros)
    return LoadInterval(start, end, users, users, sent, sent, failed, 0, 0, 0, stamped, endpoints=endpoints)


def test_everything_reaches_the_recorder_unchanged(feed: Feed, book: Book) -> None:
    feed.rows("host", 1.0, iter([process(1, 0.5)]), 0.1, 0.2)
    feed.rows("process", 1.0, iter([process(1, 0.5)]), 0.1, 0.2)
    feed.failed("host", 2.0, "no", 0.3, 0.4)
    one = interval(0, 1, [1.0])
    feed.interval(one)
    row = [process(1, 0.5)]
    assert book.ticks == [("host", 1.0, row, 0.1, 0.2), ("process", 1.0, row, 0.1, 0.2), ("host", 2.0, "no", 0.3, 0.4)]
    assert book.intervals == [one]


def test_the_audience_hears_once_a_second_however_often_probes_read(feed: Feed, crowd: Crowd) -> None:
    for tick in range(1, 41):
        feed.rows("process", tick / 4, [process(1, tick / 8)], 0, 0)
    assert [each.t for each in crowd.lives] == [float(second) for second in range(1, 11)]
    assert {round(each.services[0].cpu_cores, 3) for each in crowd.lives} == {0.5}


def test_cores_are_summed_over_the_processes_of_a_service(feed: Feed, crowd: Crowd) -> None:
    feed.rows("process", 1.0, [process(1, 1.0), process(2, 1.0, instance=1)], 0, 0)
    feed.rows("process", 2.0, [process(1, 1.9), process(2, 1.5, instance=1), process(9, 3.0, service="db")], 0, 0)
    feed.rows("process", 3.0, [process(1, 2.8), process(2, 2.0, instance=1), process(9, 3.2, service="db")], 0, 0)
    app, db = crowd.lives[-1].services
    assert (app.name, round(app.cpu_cores, 3), app.rss_bytes, app.instances) == ("app", 1.4, 10e6, 2)
    assert (db.name, round(db.cpu_cores, 3), db.instances) == ("db", 0.2, 1)
    assert crowd.lives[1].services[1].cpu_cores == 0.0, "first seen: nothing to compare with"


def test_a_process_that_ended_is_gone_and_one_that_could_not_be_read_is_zero(feed: Feed, crowd: Crowd) -> None:
    feed.rows("process", 1.0, [process(1, 1.0), process(2, 7.0)], 0, 0)
    feed.rows("process", 2.0, [process(1, None)], 0, 0)
    assert crowd.lives[-1].services[0].cpu_cores == 0.0
    assert crowd.lives[-1].services[0].rss_bytes == 5e6


def test_programs_that_ended_count_and_are_told_apart(feed: Feed, crowd: Crowd) -> None:
    """Started for each request, and gone before anybody looks: their parent is charged with them."""
    feed.rows("process", 1.0, [process(1, 1.0, ended=20.0)], 0, 0)
    feed.rows("process", 2.0, [process(1, 1.1, ended=20.8)], 0, 0)
    (app,) = crowd.lives[-1].services
    assert (app.cpu_cores, app.ended_cores) == (pytest.approx(1.7), pytest.approx(1.6))


def test_what_was_seen_of_a_child_while_it_ran_is_not_counted_again(feed: Feed, crowd: Crowd) -> None:
    """A worker that lived for long: its whole life is charged in the moment in which it is gone."""
    feed.rows("process", 1.0, [process(1, 1.0), process(2, 300.0, ended=5.0)], 0, 0)
    feed.rows("process", 2.0, [process(1, 1.0), process(2, 300.5, ended=5.0)], 0, 0)
    feed.rows("process", 3.0, [process(1, 1.0, ended=155.5)], 0, 0)
    (app,) = crowd.lives[-1].services
    assert (app.cpu_cores, app.ended_cores) == (pytest.approx(0.5), pytest.approx(0.5)), "half a second was new"


def test_instances_that_loadlab_waited_for_are_not_its_own(feed: Feed, crowd: Crowd) -> None:
    feed.rows("process", 1.0, [process(9, 1.0, service="loadlab")], 0, 0)
    feed.rows("process", 2.0, [process(9, 1.1, service="loadlab", ended=7.0)], 0, 0)
    (own,) = crowd.lives[-1].services
    assert (own.cpu_cores, own.ended_cores) == (pytest.approx(0.1), 0.0)


def test_loop_busy_is_of_the_thread_that_waits_for_work(feed: Feed, crowd: Crowd) -> None:
    feed.rows("process", 1.0, [process(1, 0.0)], 0, 0)
    feed.rows("threads", 1.1, [thread(1, 100, 50), thread(2, 100, 0), thread(3, 100, 0, 2)], 0, 0)
    feed.rows("process", 2.0, [process(1, 0.5)], 0, 0)
    feed.rows("threads", 2.1, [thread(1, 200, 60), thread(2, 200, 0), thread(3, 200, 0, 2)], 0, 0)
    feed.rows("process", 3.0, [process(1, 1.0)], 0, 0)
    assert crowd.lives[-1].services[0].loop_busy == pytest.approx(0.9)
    feed.rows("process", 4.0, [process(1, 1.5)], 0, 0)
    assert crowd.lives[-1].services[0].loop_busy == pytest.approx(0.9), "no newer samples: what was last known"


def test_a_worker_that_waits_in_accept_has_a_busy_share_too(feed: Feed, crowd: Crowd) -> None:
    feed.rows("threads", 0.5, [thread(1, 10, 0, 10)], 0, 0)
    feed.rows("process", 1.0, [process(1, 0.0)], 0, 0)
    feed.rows("threads", 1.5, [thread(1, 110, 0, 85)], 0, 0)
    feed.rows("process", 2.0, [process(1, 0.0)], 0, 0)
    assert crowd.lives[-1].services[0].loop_busy == pytest.approx(0.25)


@pytest.mark.parametrize(("other", "busy"), [(0.2, 0.1), (0.0, 0.7)], ids=["takes turns", "never in epoll"])
def test_a_thread_that_takes_turns_in_epoll_is_not_busy_while_parked(
    feed: Feed, crowd: Crowd, other: float, busy: float
) -> None:
    for t in (1.0, 2.0):
        rows = [thread(1, 100 * t, 30 * t, futex=60 * t), thread(2, 100 * t, 100 * t * other, futex=80 * t)]
        feed.rows("threads", t - 0.1, rows, 0, 0)
        feed.rows("process", t, [process(1, 0.0)], 0, 0)
    assert crowd.lives[-1].services[0].loop_busy == pytest.approx(busy)


def test_a_process_never_seen_waiting_has_no_busy_share(feed: Feed, crowd: Crowd) -> None:
    for t in (1.0, 2.0):
        feed.rows("threads", t - 0.1, [thread(1, 100 * t, 0, 0)], 0, 0)
        feed.rows("process", t, [process(1, t)], 0, 0)
    assert crowd.lives[-1].services[0].loop_busy is None


def test_the_busiest_instance_is_shown(feed: Feed, crowd: Crowd) -> None:
    for t in (1.0, 2.0):
        rows = [thread(1, 100 * t, 90 * t, pid=1), thread(2, 100 * t, 30 * t, pid=2)]
        feed.rows("threads", t - 0.1, rows, 0, 0)
        feed.rows("process", t, [process(1, 0.0), process(2, 0.0, instance=1)], 0, 0)
    assert crowd.lives[-1].services[0].loop_busy == pytest.approx(0.7)


def test_rates_and_percentiles_are_those_of_the_last_second(feed: Feed, crowd: Crowd) -> None:
    feed.interval(interval(0.0, 0.5, [1.0] * 50))
    assert crowd.lives == []
    feed.interval(interval(0.5, 1.0, [3.0] * 49 + [100.0], failed=25))
    live = crowd.lives[-1]
    assert (live.users, live.rps, live.errors, live.error_share) == (4, 100.0, 25, 0.2)
    assert live.p50_ms == pytest.approx(2.0)
    assert live.p99_ms is not None and 3 <= live.p99_ms < 100
    feed.interval(interval(1.0, 2.0, [5.0]))
    assert (crowd.lives[-1].p50_ms, crowd.lives[-1].errors, crowd.lives[-1].error_share) == (5.0, 25, 0.0)


def test_figures_of_a_load_that_stopped_are_not_shown_for_ever(feed: Feed, crowd: Crowd) -> None:
    feed.interval(interval(0.0, 1.0, [5.0], failed=1))
    feed.rows("process", 2.0, [process(1, 0.0)], 0, 0)
    assert crowd.lives[-1].rps == 1.0
    feed.rows("process", 4.0, [process(1, 0.0)], 0, 0)
    assert (crowd.lives[-1].rps, crowd.lives[-1].p50_ms, crowd.lives[-1].errors) == (0.0, None, 1)


def test_where_everything_failed_there_is_no_latency(feed: Feed, crowd: Crowd) -> None:
    feed.interval(interval(0.0, 1.0, [], failed=9))
    assert (crowd.lives[-1].p50_ms, crowd.lives[-1].p99_ms, crowd.lives[-1].error_share) == (None, None, 1.0)


def test_phases_are_passed_on_and_named_with_the_time_they_have_left(feed: Feed, crowd: Crowd) -> None:
    feed.rows("process", 10.0, [process(1, 0.0)], 0, 0)
    feed.phase("steady", 12.0)
    feed.rows("process", 13.0, [process(1, 0.0)], 0, 0)
    assert crowd.phases == [("steady", 12.0)]
    assert (crowd.lives[-1].phase, crowd.lives[-1].remaining_s) == ("steady", 9.0)
    feed.phase("stop", None)
    feed.rows("process", 14.0, [process(1, 0.0)], 0, 0)
    assert (crowd.lives[-1].phase, crowd.lives[-1].remaining_s) == ("stop", 0.0)


def test_own_processes_come_last(feed: Feed, crowd: Crowd) -> None:
    names = ("loadlab", "db", "generator", "app")
    feed.rows("process", 1.0, [process(pid, 0.0, service=name) for pid, name in enumerate(names)], 0, 0)
    assert [each.name for each in crowd.lives[-1].services] == ["db", "app", "generator", "loadlab"]


def test_a_screen_that_breaks_stops_no_probe_and_leaves_a_note(book: Book) -> None:
    class Broken(Crowd):
        def tick(self, live: Live) -> None:
            self.lives.append(live)
            raise ValueError("no such colour")

    crowd = Broken()
    feed = Feed(book, crowd, {"process": PROCESS}.__getitem__)
    for t in (1.0, 2.0, 3.0):
        feed.rows("process", t, [process(1, t)], 0, 0)
    assert len(book.ticks) == 3
    assert len(crowd.lives) == 1
    assert book.events == [("note", {"text": "the live screen stopped: ValueError: no such colour"})]


def test_the_columns_it_reads_are_those_the_probes_have() -> None:
    assert set(PROCESS) <= set(declared("process"))
    assert set(THREADS) <= set(declared("threads"))
    assert declared("process") == tuple(each.name for each in units("probes")["process"].METRICS)


class Ear:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def phase(self, name: str) -> None:
        self.heard.append(name)

    def interval(self, interval: LoadInterval) -> None:
        self.heard.append(f"{interval.start:g} to {interval.end:g}")


def test_too_many_names_are_said_once(book: Book, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(crowd, "note", said.append)
    feed = Feed(book, crowd)
    many = Ledger(0.0)
    for second in range(1, 4):
        for number in range(50_000):
            many.sent()
            many.counts.kernel_stamped += 1
            many.done(f"GET /{number}", second, second, second, second, ok=True)
        feed.interval(many.cut(float(second)))
    assert {len(each.endpoints) for each in book.intervals} == {MOST_NAMES + 1}
    assert len(said) == 1 and "name=" in said[0]
    assert book.events == [("note", {"text": said[0]})]


@pytest.mark.parametrize(
    ("stamped", "connects", "words"), [(0, 4, ["kernel did not stamp"]), (0, 0, ["WireHttpUser"]), (1, 4, [])]
)
def test_answers_without_the_kernels_time_are_said_once_and_why(
    book: Book, crowd: Crowd, monkeypatch: pytest.MonkeyPatch, stamped: int, connects: int, words: list[str]
) -> None:
    said: list[str] = []
    monkeypatch.setattr(crowd, "note", said.append)
    feed = Feed(book, crowd)
    for second in range(3):
        some = interval(second, second + 1.0, [1.0] * 60)
        feed.interval(replace(some, kernel_stamped=stamped, connects=connects if second == 0 else 0))
    assert len(said) == len(book.events) == len(words)
    assert all(word in text for word, text in zip(words, said, strict=True))


def test_watchers_hear_of_each_interval_and_phase_in_order(book: Book, crowd: Crowd) -> None:
    ear = Ear()
    feed = Feed(book, crowd, watchers=(ear,))
    feed.phase("steady", 12.0)
    feed.interval(LoadInterval(1.0, 2.0, 1, 0, 0, 0, 0, 0, 0))
    assert ear.heard == ["steady", "1 to 2"]
    assert len(book.intervals) == 1 and crowd.phases == [("steady", 12.0)]
