"""The CSV file: its rows, and that they are there at once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from loadlab.clock import FakeClock
from loadlab.errors import UsageError
from loadlab.export import About
from loadlab.export.csv import start
from tests.export.intervals import interval

ABOUT = About("shop", FakeClock(), 0.0, lambda text: None)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_an_endpoint_and_one_for_all_while_it_is_open(tmp_path: Path) -> None:
    table = start(str(tmp_path / "load.csv"), ABOUT)
    table.phase("steady")
    table.interval(interval(3, latency_us=tuple(range(1000, 101_000, 1000))))
    found = rows(tmp_path / "load.csv")
    assert [each["name"] for each in found] == ["GET /", "POST /orders", "Aggregated"]
    get, post, every = found
    assert {each["phase"] for each in found} == {"steady"}
    assert (get["requests"], get["failures"], get["requests_per_s"]) == ("100", "0", "100.00")
    assert (get["p50_ms"], get["p99_ms"], get["p999_ms"], get["max_ms"]) == ("50.000", "99.000", "100.000", "100.000")
    assert get["uncorrected_p50_ms"] == "25.000"
    assert (post["failures"], post["p50_ms"], post["errors"]) == ("1", "", "1 HTTP 500")
    assert (every["requests"], every["users"], every["in_flight"], every["sent"]) == ("101", "8", "2", "103")
    assert (every["timestamp"], every["t_s"], every["errors"]) == ("1700000004.000", "4.000", "1 HTTP 500")
    table.close()


def test_names_with_commas_quotes_and_line_ends_come_back(tmp_path: Path) -> None:
    name = 'GET /a,"b"\n=c'
    odd = interval(0)
    table = start(str(tmp_path / "load.csv"), ABOUT)
    table.interval(
        type(odd)(
            **{**vars(odd), "endpoints": (type(odd.endpoints[0])(name, "ok", *[odd.endpoints[0].latency_us] * 2),)}
        )
    )
    table.close()
    assert rows(tmp_path / "load.csv")[0]["name"] == name


def test_an_interval_of_no_length_and_one_without_requests(tmp_path: Path) -> None:
    table = start(str(tmp_path / "load.csv"), ABOUT)
    silent = interval(0, latency_us=())
    table.interval(type(silent)(**{**vars(silent), "end": silent.start}))
    table.interval(type(silent)(**{**vars(silent), "endpoints": (), "errors": ()}))
    table.close()
    assert [(each["name"], each["requests"], each["p50_ms"]) for each in rows(tmp_path / "load.csv")] == [
        ("Aggregated", "0", "")
    ]


def test_a_file_that_cannot_be_written_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--csv .*No such file or directory"):
        start(str(tmp_path / "no" / "load.csv"), ABOUT)
