"""requests.hlog: what is written, what other tools make of it, what windows give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given
from hypothesis import strategies as st

from loadlab.load import LoadInterval
from loadlab.recording.format import COARSE_S, FULL_S, REQUESTS
from loadlab.recording.histogram import DIGITS, HIGHEST_US, LOWEST_US
from loadlab.recording.hlog import HistogramLog, LatencyLog, tag, untag


def log_of(folder: Path, intervals: list[LoadInterval], borders: dict[int, float] | None = None) -> HistogramLog:
    log = LatencyLog(folder, 1_700_000_000.0)
    for number, each in enumerate(intervals):
        if borders and number in borders:
            log.border(borders[number])
        log.add(each, str)
    log.close()
    found = HistogramLog.read(folder / REQUESTS)
    assert found is not None
    return found


@given(st.text(), st.text())
def test_any_name_survives_its_tag(result: str, endpoint: str) -> None:
    text = tag(("latency", result, endpoint))
    assert not set(text) & set(", \n\r")
    assert text.isascii()
    assert untag(text) == ("latency", result, endpoint)


def test_the_librarys_reader_reads_the_file(tmp_path: Path, make: Callable[..., LoadInterval]) -> None:
    log_of(tmp_path, [make(0, 1, [1000, 2000]), make(1, 2, [3000])])
    reader = HistogramLogReader(str(tmp_path / REQUESTS), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))
    found = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found.append((histogram.get_tag(), histogram.get_total_count(), histogram.get_start_time_stamp()))
    reader.close()
    assert ("latency:ok:GET%20/", 2, 1_700_000_000_000.0) in found
    assert ("uncorrected:ok:GET%20/", 1, 1_700_000_001_000.0) in found
    assert len(found) == 8


def test_a_window_takes_the_lines_whose_middle_it_holds(tmp_path: Path, make: Callable[..., LoadInterval]) -> None:
    log = log_of(tmp_path, [make(second, second + 1, [1000 * (second + 1)]) for second in range(10)])
    found = log.quantiles(2.0, 5.0, what="latency")
    assert found is not None
    assert found.count == 3
    assert found.max_ms == pytest.approx(5.0, rel=0.001)
    uncorrected = log.quantiles(2.0, 5.0, what="uncorrected", endpoint="GET /", result="ok")
    assert uncorrected is not None
    assert uncorrected.max_ms == pytest.approx(2.5, rel=0.001)
    assert log.quantiles(2.0, 5.0, what="latency", result="fail") is None
    assert log.quantiles(50.0, 60.0, what="latency") is None
    lag = log.quantiles(0, 10, what="reader_lag")
    assert lag is not None
    assert lag.count == 10


def test_long_runs_get_coarser_lines_that_never_cross_a_border(
    tmp_path: Path, make: Callable[..., LoadInterval]
) -> None:
    begin = int(FULL_S)
    log = log_of(tmp_path, [make(begin + n, begin + n + 1, [1000]) for n in range(20)], borders={7: begin + 7.0})
    lines = [each for each in (tmp_path / REQUESTS).read_text().splitlines() if each.startswith("Tag=reader_lag,")]
    spans = [tuple(float(part) for part in each.split(",")[1:3]) for each in lines]
    assert spans == [
        (begin, COARSE_S),
        (begin + 5, 2.0),
        (begin + 7, COARSE_S),
        (begin + 12, COARSE_S),
        (begin + 17, 3),
    ]
    before, after = (
        log.quantiles(begin, begin + 7, what="latency"),
        log.quantiles(begin + 7, begin + 99, what="latency"),
    )
    assert before is not None
    assert after is not None
    assert (before.count, after.count) == (7, 13)


def test_a_torn_last_line_is_passed_over(tmp_path: Path, make: Callable[..., LoadInterval]) -> None:
    log_of(tmp_path, [make(0, 1, [1000]), make(1, 2, [2000])])
    whole = (tmp_path / REQUESTS).read_bytes()
    for cut in range(1, 200, 7):
        found = HistogramLog(whole[:-cut]).quantiles(0, 10, what="latency")
        assert found is not None
        assert found.count == 2


def test_a_name_whose_every_line_is_damaged_has_no_samples(tmp_path: Path, make: Callable[..., LoadInterval]) -> None:
    log_of(tmp_path, [make(0, 1, [1000])])
    whole = (tmp_path / REQUESTS).read_bytes()
    damaged = b"".join(
        b",".join([line.split(b",", 1)[0], b"when?", line.split(b",", 2)[2]]) if line.startswith(b"Tag=") else line
        for line in whole.splitlines(keepends=True)
    )
    assert damaged.count(b"when?") > 0
    assert HistogramLog(damaged).quantiles(0, 10, what="latency") is None
