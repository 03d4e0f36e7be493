"""What it costs to keep and to read a recording of one hour: made up, but written by the real Recorder with the real
probes' tables.

    .venv/bin/python benchmarks/report.py [--hours 1] [--rps 500] [--keep FOLDER]

20 processes and 60 threads of five services, 5 endpoints with 2 results a second. Prints the size on disk and, each
in a process of its own, the seconds and the peak memory of reading it, of the percentiles of 50 minutes, and of
diagnosing and rendering it. The aims: under 50 MB; diagnosing and rendering under 5 s and 300 MB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from loadlab.catalogue import units
from loadlab.clock import SYSTEM, FakeClock
from loadlab.load import EndpointInterval, LoadInterval
from loadlab.recording.model import Entity, Meta, Metric, ServiceMeta
from loadlab.recording.writer import Recorder

ENDPOINTS = ("GET /", "GET /products", "GET /products/[id]", "POST /orders", "GET /orders/[id]")
SERVICES = 5
COUNTS = {"host": 1, "core": 2, "process": 20, "thread": 60, "wait": 60, "edge": 8}
"""How many there are of each kind of entity; of any other, one a service."""


@dataclass
class Table:
    """One probe's table, and where its figures stand."""

    probe: str
    interval_s: float
    metrics: tuple[Metric, ...]
    who: list[Entity]
    values: npt.NDArray[np.float64]

    def step(self, rng: np.random.Generator) -> list[tuple[Entity, tuple[float, ...]]]:
        """The next tick: times grow with all their digits, counts by whole numbers, gauges move now and then."""
        for column, metric in enumerate(self.metrics):
            if metric.kind == "counter":
                grown = rng.random(len(self.who)) / 3 if metric.unit == "s" else rng.integers(0, 40, len(self.who))
            else:
                grown = rng.integers(-3, 4, len(self.who)) * (rng.random(len(self.who)) < 0.3)
            self.values[:, column] += grown
        return [(each, tuple(row)) for each, row in zip(self.who, self.values.tolist(), strict=True)]


def tables(rng: np.random.Generator) -> list[Table]:
    """One for each probe there is."""
    found = []
    for name, unit in units("probes").items():
        count = COUNTS.get(unit.ENTITY, SERVICES)
        who = [entity(unit.ENTITY, number) for number in range(count)]
        start = rng.integers(1_000, 1_000_000, (count, len(unit.METRICS))).astype(np.float64)
        found.append(Table(name, unit.INTERVAL_S, unit.METRICS, who, start))
    return found


def entity(kind: str, number: int) -> Entity:
    """The services have the same number of each kind."""
    if kind in ("host", "core"):
        return Entity(kind, name=f"cpu{number}" if kind == "core" else "")
    tid = 2000 + number if kind in ("thread", "wait") else 0
    service = number % SERVICES
    return Entity(kind, f"service-{service}", number // SERVICES, 1000 + number, tid, f"{kind}-{number}")


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
    """The folder, and the CPU seconds that recording a second of the run costs."""
    clock, rng = FakeClock(), np.random.default_rng(7)
    recorder = Recorder.create(root, meta(), clock, 0.0)
    watched = tables(rng)
    for each in watched:
        recorder.declare(each.probe, each.metrics)
    spent = 0.0
    for second in range(seconds):
        phase = {0: "search", 10: "steady", seconds - 20: "stacks"}.get(second)
        if phase:
            recorder.phase(phase)
        made = interval(rng, second, rps)
        due = [(each.probe, t, each.step(rng)) for each in watched for t in ticks(each, second)]
        clock.now = second + 1.0
        began = cpu_s()
        for probe, t, rows in due:
            recorder.rows(probe, t, rows, 0.2, 1.0)
        recorder.interval(made)
        recorder.flush(60)
        spent += cpu_s() - began
    recorder.close()
    if recorder.problem:
        raise SystemExit(recorder.problem)
    return recorder.folder, spent / seconds


def ticks(table: Table, second: int) -> list[float]:
    """When a probe reads within a second."""
    first = -(-second // table.interval_s)
    moments = (number * table.interval_s for number in range(int(first), int((second + 1) / table.interval_s) + 1))
    return [t for t in moments if second <= t < second + 1]


def meta() -> Meta:
    """Five services of four processes."""
    services = tuple(ServiceMeta(f"service-{n}", "app", "command", 4) for n in range(SERVICES))
    machine = {"cores": 2, "memory_bytes": 4 << 30, "clock_ticks": 100}
    return Meta(1, "hour", "2026-11-23T17:00:00Z", "0", "service-0", services, {"model": "closed"}, machine)


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


def diagnose(folder: Path) -> None:
    """Reading and judging."""
    from loadlab.diagnosis.judge import diagnose as judge
    from loadlab.recording.reader import read as read_recording

    judge(read_recording(folder))


def render(folder: Path) -> None:
    """Everything `loadlab run` does when the load has ended."""
    from loadlab import flow

    judged = flow.read(folder)
    flow.diagnose(judged)
    flow.render(judged)


STEPS: dict[str, Callable[[Path], None]] = {
    "read": read,
    "percentiles": percentiles,
    "diagnose": diagnose,
    "render": render,
}


def measured(step: str, folder: Path) -> str:
    """Seconds and peak memory of one step in a process of its own, imports included; or why it failed."""
    argv = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    began = SYSTEM.monotonic()
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        return f"failed: {done.stderr.strip().splitlines()[-1]}"
    return f"{SYSTEM.monotonic() - began:8.2f} s {float(done.stdout.split()[-1]):8.0f} MB"


def main() -> None:
    """Write, measure, print a table."""
    parser = argparse.ArgumentParser(description="What it costs to keep and to read a recording of one hour.")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--rps", type=float, default=500.0)
    parser.add_argument("--keep", type=Path, help="write the recording below this folder and leave it there")
    parser.add_argument("--step", choices=sorted(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        STEPS[options.step](options.folder)
        print(peak_mb())
        return
    with tempfile.TemporaryDirectory(prefix="loadlab-") as scratch:
        folder, cost = write(options.keep or Path(scratch), int(options.hours * 3600), options.rps)
        sizes = {each.name: each.stat().st_size / 1e6 for each in sorted(folder.iterdir()) if each.is_file()}
        for name, size in (sizes | {"all": sum(sizes.values())}).items():
            print(f"{name:<16} {size:8.2f} MB")
        print(f"{'recording':<16} {cost * 1000:8.2f} ms of CPU for each second of the run")
        for step in STEPS:
            print(f"{step:<16} {measured(step, folder)}")


if __name__ == "__main__":
    main()
