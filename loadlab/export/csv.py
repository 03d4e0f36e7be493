"""A CSV file with a row for each endpoint and each interval, and one `Aggregated`, as Locust calls it; handed to the
kernel interval by interval, so that `tail -f` shows it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from loadlab.errors import UsageError
from loadlab.export import About, Export
from loadlab.load import EndpointInterval, LoadInterval

AGGREGATED = "Aggregated"
PERCENTILES = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99, "p999_ms": 99.9, "max_ms": 100}
UNCORRECTED = {"uncorrected_p50_ms": 50, "uncorrected_p99_ms": 99}
COLUMNS = (
    "timestamp", "t_s", "interval_s", "phase", "users", "in_flight", "name", "requests", "failures", "requests_per_s",
    "failures_per_s", *PERCENTILES, *UNCORRECTED, "sent", "not_sent", "connects", "bytes_received", "errors",
)  # fmt: skip


def start(where: str, about: About) -> Export:
    """where: the file; one that is there is written over. Raises UsageError."""
    try:
        file = Path(where).open("w", encoding="utf-8", newline="")  # noqa: SIM115 - open as long as the run
    except OSError as error:
        raise UsageError(
            f"--csv {where}: {error.strerror}; give a file in a folder that exists and can be written"
        ) from error
    return Table(file, about.wall0)


class Table:
    """Implements export.Export. Latencies are those of successful requests, from the exact values of the interval."""

    def __init__(self, file: Any, wall0: float) -> None:
        self._file = file
        self._wall0 = wall0
        self._rows = csv.DictWriter(file, COLUMNS)
        self._phase = "start"
        self._rows.writeheader()
        file.flush()

    def phase(self, name: str) -> None:
        """Named in the rows from now on."""
        self._phase = name

    def interval(self, interval: LoadInterval) -> None:
        """One row for each endpoint, and one for all. Raises OSError."""
        seconds = interval.end - interval.start
        if seconds <= 0:
            return
        shared = {
            "timestamp": f"{self._wall0 + interval.end:.3f}",
            "t_s": f"{interval.end:.3f}",
            "interval_s": f"{seconds:.3f}",
            "phase": self._phase,
        }
        for name in dict.fromkeys(each.endpoint for each in interval.endpoints):
            mine = [each for each in interval.endpoints if each.endpoint == name]
            errors = Counter({each.error: each.count for each in interval.errors if each.endpoint == name})
            self._rows.writerow({**shared, "name": name, **_figures(mine, seconds), "errors": _listed(errors)})
        errors = Counter()
        for each in interval.errors:
            errors[each.error] += each.count
        whole = {name: getattr(interval, name) for name in COLUMNS if hasattr(interval, name) and name != "errors"}
        figures = _figures(interval.endpoints, seconds)
        self._rows.writerow({**shared, **whole, "name": AGGREGATED, **figures, "errors": _listed(errors)})
        self._file.flush()

    def close(self) -> None:
        """Raises OSError."""
        self._file.close()


def _figures(endpoints: Any, seconds: float) -> dict[str, Any]:
    good, bad = _count(endpoints, "ok"), _count(endpoints, "fail")
    found: dict[str, Any] = {
        "requests": good + bad,
        "failures": bad,
        "requests_per_s": f"{(good + bad) / seconds:.2f}",
        "failures_per_s": f"{bad / seconds:.2f}",
    }
    for columns, field in ((PERCENTILES, "latency_us"), (UNCORRECTED, "service_us")):
        values = [np.asarray(getattr(each, field)) for each in endpoints if each.result == "ok"]
        if good:
            # The smallest value that so many do not exceed: the recording's definition.
            found |= {
                name: f"{value / 1000:.3f}"
                for name, value in zip(
                    columns,
                    np.percentile(np.concatenate(values), list(columns.values()), method="inverted_cdf"),
                    strict=True,
                )
            }
    return found


def _count(endpoints: Any, result: str) -> int:
    mine: list[EndpointInterval] = [each for each in endpoints if each.result == result]
    return sum(len(each.latency_us) for each in mine)


def _listed(errors: Counter[str]) -> str:
    return "; ".join(f"{count} {error}" for error, count in errors.most_common())
