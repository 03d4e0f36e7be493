"""What it costs to keep and to read a recording of one hour, made up but of the real shape and written by the real
Recorder.

    .venv/bin/python benchmarks/report.py [--hours 1] [--rps 500] [--keep FOLDER]

20 processes and 60 threads at 2 Hz, 5 endpoints with 2 results a second. Prints the size on disk and, each in a
process of its own, the seconds and the peak memory of reading it, of the percentiles of 3,000 seconds, and of
diagnosing and rendering it.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from loadlab.clock import SYSTEM, FakeClock
from loadlab.load import EndpointInterval, LoadInterval
from loadlab.recording.model import Entity, Meta, Metric, ServiceMeta
from loadlab.recording.writer import Recorder

ENDPOINTS = ("GET /", "GET /products", "GET /products/[id]", "POST /orders", "GET /orders/[id]")
PROCESSES, THREADS, PROCESS_COLUMNS, THREAD_COLUMNS = 20, 60, 17, 14


def metrics(prefix: str, count: int) -> tuple[Metric, ...]:
    """Columns as a probe declares them."""
    return tuple(Metric(f"{prefix}_{number}", "units", "counter", "made up") for number in range(count))


def entities(kind: str, count: int) -> list[Entity]:
    """Processes or threads of five services."""
    return [
        Entity(kind, f"service-{n % 5}", n // 5, 1000 + n, 2000 + n if kind == "thread" else 0, f"{kind}-{n}")
        for n in range(count)
    ]


def interval(rng: np.random.Generator, second: int, rps: float) -> LoadInterval:
    """A second of load: log-normal latencies, one in a hundred failed."""
    parts = []
    for number, endpoint in enumerate(ENDPOINTS):
        for result, share in (("ok", 0.99), ("fail", 0.01)):
            count = max(1, int(rng.poisson(rps / len(ENDPOINTS) * share)))
            values = rng.lognormal(np.log(20_000 * (1 + number)), 0.35, count).astype(np.uint32)
            parts.append(
                EndpointInterval(endpoint, result, array("I", values), array("I", (values * 0.9).astype(np.uint32)))
            )
    sent = sum(len(each.latency_us) for each in parts)
    lags = array("I", rng.exponential(150, sent).astype(np.uint32))
    return LoadInterval(
        second,
        second + 1,
        40,
        40,
        sent,
        sent,
        0,
        0,
        sent * 900,
        endpoints=tuple(parts),
        schedule_lag_us=lags,
        reader_lag_us=lags,
    )


def write(root: Path, seconds: int, rps: float) -> tuple[Path, float]:
    """The folder, and the CPU seconds a second of the run cost."""
    clock, rng = FakeClock(), np.random.default_rng(7)
    services = tuple(ServiceMeta(f"service-{n}", "app", "command", 4) for n in range(5))
    machine = {"cores": 2, "memory_bytes": 4 << 30}
    meta = Meta(1, "hour", "2026-11-23T17:00:00Z", "0", "service-0", services, {"model": "closed"}, machine)
    recorder = Recorder.create(root, meta, clock, 0.0)
    tables = [
        ("process", entities("process", PROCESSES), PROCESS_COLUMNS),
        ("threads", entities("thread", THREADS), THREAD_COLUMNS),
    ]
    state = {name: rng.integers(0, 10_000, (len(who), width)).astype(float) for name, who, width in tables}
    for name, _, width in tables:
        recorder.declare(name, metrics(name, width))
    spent = 0.0
    for second in range(seconds):
        if second in (0, 10, seconds - 20):
            recorder.phase({0: "search", 10: "steady"}.get(second, "stacks"))
        made = interval(rng, second, rps)
        ticks = []
        for half in (0.0, 0.5):
            for name, who, width in tables:
                # A third of the columns stands still, a third counts, a third is CPU time with all its digits.
                state[name][:, : width // 3] += rng.integers(0, 50, (len(who), width // 3))
                state[name][:, -(width // 3) :] += rng.random((len(who), width // 3)) / 100
                ticks.append(
                    (
                        name,
                        second + half,
                        [(each, tuple(row.tolist())) for each, row in zip(who, state[name], strict=True)],
                    )
                )
        clock.now = second + 1.0
        began = cpu_s()
        for name, t, rows in ticks:
            recorder.rows(name, t, rows, 0.2, 1.0)
        recorder.interval(made)
        recorder.flush(60)
        spent += cpu_s() - began
    recorder.close()
    if recorder.problem:
        raise SystemExit(recorder.problem)
    return recorder.folder, spent / seconds


def cpu_s() -> float:
    """CPU seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(folder: Path) -> None:
    """Reading alone."""
    from loadlab.recording.reader import read as read_recording

    read_recording(folder)


def percentiles(folder: Path) -> None:
    """Reading, then percentiles of nearly the whole run: all together, both ways of counting, and each endpoint."""
    from loadlab.recording.reader import read as read_recording

    recording = read_recording(folder)
    end = recording.end
    for what in ("latency", "uncorrected"):
        recording.quantiles(end / 12, end * 11 / 12, what=what, result="ok")
    for endpoint in ENDPOINTS:
        recording.quantiles(end / 12, end * 11 / 12, endpoint=endpoint)


STEPS: dict[str, Callable[[Path], None]] = {"read": read, "percentiles": percentiles}


def measured(step: str, folder: Path) -> tuple[float, float]:
    """Seconds and peak memory (MB) of one step in a process of its own, imports included."""
    began = SYSTEM.monotonic()
    done = subprocess.run(
        [sys.executable, __file__, "--step", step, "--folder", str(folder)], check=True, capture_output=True, text=True
    )
    return SYSTEM.monotonic() - began, float(done.stdout.split()[-1])


def main() -> None:
    """Write, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--rps", type=float, default=500.0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--step", choices=sorted(STEPS))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.step:
        STEPS[options.step](options.folder)
        print(peak_mb())
        return
    with tempfile.TemporaryDirectory(prefix="loadlab-") as scratch:
        folder, cost = write(options.keep or Path(scratch), int(options.hours * 3600), options.rps)
        for file in sorted(folder.iterdir()):
            if file.is_file():
                print(f"{file.name:<16} {file.stat().st_size / 1e6:8.2f} MB")
        print(f"recorder: {cost * 1000:.1f} ms of CPU for a second of the run; peak of all this {peak_mb():.0f} MB")
        for step in STEPS:
            seconds, peak = measured(step, folder)
            print(f"{step:<16} {seconds:8.2f} s {peak:8.0f} MB")


if __name__ == "__main__":
    main()
