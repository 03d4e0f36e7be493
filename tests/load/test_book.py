"""The books of the generator: no request is lost from the count, nothing is rounded, frames come back as they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadlab.load._book import LENGTHS, MOST_ERRORS, MOST_NAMES, OTHER, Book, Unread, decode, encode

OPERATIONS = st.lists(st.sampled_from(["send", "ok", "fail", "abandon", "cut"]), max_size=200)


@given(OPERATIONS, st.booleans())
def test_sent_is_succeeded_and_failed_and_in_flight(operations: list[str], closing: bool) -> None:
    book = Book(t0=0.0, closing=closing)
    open_requests, totals, now = 0, {"sent": 0, "succeeded": 0, "failed": 0}, 0.0
    last = 0
    for each in operations:
        now += 0.01
        if each == "send":
            book.sent()
            open_requests += 1
        elif each == "cut":
            interval = book.cut(now)
            for name in totals:
                totals[name] += getattr(interval, name)
            last = interval.in_flight
            assert totals["sent"] == totals["succeeded"] + totals["failed"] + last
        elif open_requests:
            open_requests -= 1
            if each == "abandon":
                book.abandoned("GET /", now, now, now)
            else:
                book.done("GET /", now, now, now, now, ok=each == "ok")
    assert book.counts.sent == book.counts.succeeded + book.counts.failed + book.in_flight


@given(
    st.lists(st.tuples(st.text(max_size=20), st.booleans(), st.floats(0, 100), st.floats(0, 5)), max_size=50),
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=50)), max_size=5),
)
def test_frames_come_back(requests: list[tuple[str, bool, float, float]], failures: list[tuple[str, str]]) -> None:
    book = Book(t0=0.0)
    for name, ok, latency, lag in requests:
        book.sent()
        book.done(name, 1.0, 1.0 + lag, 1.0 + lag + latency, 1.0 + lag + latency, ok=ok)
    for name, error in failures:
        book.failure(name, error, 1.5, error)
    interval = book.cut(2.0)
    frame = b"".join(encode(interval))
    head, body = LENGTHS.unpack_from(frame)
    assert len(frame) == LENGTHS.size + head + body
    back = decode(frame[LENGTHS.size : LENGTHS.size + head], frame[LENGTHS.size + head :])
    assert back == interval


def test_too_many_names_become_one() -> None:
    book = Book(t0=0.0)
    for index in range(MOST_NAMES + 50):
        book.sent()
        book.done(f"GET /{index}", 0.0, 0.0, 0.1, 0.1, ok=True)
    names = [each.endpoint for each in book.cut(1.0).endpoints]
    assert len(names) == MOST_NAMES + 1
    assert OTHER in names


def test_times_are_whole_microseconds_and_never_negative() -> None:
    book = Book(t0=0.0)
    book.sent()
    book.done("GET /", 1.0, 1.0000127, 1.0012347, 1.0012346, ok=True)
    book.sent()
    book.done("GET /", 0.0, 1.0, 1e6, 2e6, ok=True)
    interval = book.cut(3.0)
    assert list(interval.endpoints[0].latency_us) == [1235, 2**32 - 1]
    assert list(interval.endpoints[0].service_us) == [1222, 2**32 - 1]
    assert list(interval.schedule_lag_us) == [13, 1_000_000]
    assert list(interval.reader_lag_us) == [0, 2**32 - 1]


def test_texts_that_differ_each_time_become_one_error() -> None:
    book = Book(t0=0.0)
    for index in range(MOST_ERRORS + 50):
        book.failure("GET /", f"wrong number {index}", 0.5)
    errors = book.cut(1.0).errors
    assert len(errors) == MOST_ERRORS + 1
    other = next(each for each in errors if each.error == OTHER)
    assert other.count == 50
    assert other.sample == f"wrong number {MOST_ERRORS}"


def test_a_book_nobody_reads_counts_and_keeps_nothing() -> None:
    book = Unread(t0=0.0)
    for index in range(10):
        book.sent()
        book.failure(f"GET /{index}", "odd", 0.1)
        book.done(f"GET /{index}", 0.0, 0.0, 0.1, 0.1, ok=index % 2 == 0)
    interval = book.cut(1.0)
    assert (interval.sent, interval.succeeded, interval.failed) == (10, 5, 5)
    assert (interval.endpoints, interval.errors, len(interval.reader_lag_us)) == ((), (), 0)
