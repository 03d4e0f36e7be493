"""Several generator processes, or workers, and all exports at once: what each shows is the whole load."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.export import About, started
from loadlab.export._relay import Relay
from loadlab.load import LoadInterval
from loadlab.load._config import LoadConfig
from loadlab.load._driver import start
from loadlab.load.fleet import Fleet
from loadlab.recording.reader import read
from loadlab.recording.writer import Recorder
from tests.export.conftest import Collector
from tests.export.test_openmetrics import OPENMETRICS, samples, scrape
from tests.load.scripted import Scripted, ok
from tests.load.test_driver_real import Heard
from tests.load.test_fleet_real import until
from tests.recording.conftest import meta

pytestmark = pytest.mark.real

USERS = 5
"""Of all together: one process of two never has as many."""


class Run(Heard):
    """A fleet, heard by a recording and by all exports, as flow.py has it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__()
        self.folder, self.notes, self.t0 = folder, list[str](), SYSTEM.monotonic()
        self.server = Scripted((ok(),))
        stack.callback(self.server.stop)
        self.recorder = stack.enter_context(Recorder.create(folder / "runs", meta(), SYSTEM, self.t0))
        about = About("shop", SYSTEM, self.t0, self.notes.append)
        wanted = {"csv": str(folder / "load.csv"), "openmetrics": "0", "otlp": ""}
        self.exports: tuple[Relay, ...] = stack.enter_context(started(wanted, about))
        self.url = self.notes.pop().removeprefix("metrics: ")
        self.stack = stack

    def interval(self, interval: LoadInterval) -> None:
        super().interval(interval)
        for each in (self.recorder, *self.exports):
            each.interval(interval)

    def begin(self, **options: object) -> Fleet:
        how = LoadConfig(self.server.url, think_s=0.02, env=dict(os.environ), **options)  # type: ignore[arg-type]
        fleet = start(how, self, SYSTEM, self.t0, self.notes.append)
        assert isinstance(fleet, Fleet)
        return self.stack.enter_context(fleet)

    def scraped(self) -> Counter[str]:
        """Samples of each name, added up over their labels."""
        found: Counter[str] = Counter()
        for (name, _), value in samples(scrape(self.url, OPENMETRICS)[1]).items():
            found[name] += int(value)
        return found

    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "load.csv").open() as file:
            return list(csv.DictReader(file))


@pytest.fixture
def run(tmp_path: Path, collector: Collector) -> Iterator[Run]:
    with ExitStack() as stack:
        yield Run(tmp_path, stack)


def pushed(collector: Collector, name: str) -> int:
    """The last value of a metric, added up over its attributes."""
    metrics = {each.name: each for each in collector.got[-1].resource_metrics[0].scope_metrics[0].metrics}
    metric = metrics[name]
    return sum(point.as_int for point in (metric.gauge if metric.HasField("gauge") else metric.sum).data_points)


def held_against_the_recording(run: Run, collector: Collector) -> None:
    """After the end: every count of every export is the recording's."""
    for each in run.exports:
        each.close()
    run.recorder.close()
    (folder,) = (run.folder / "runs").iterdir()
    recorded: Counter[tuple[str, str]] = Counter()
    for each in read(folder).requests:
        recorded[each.endpoint, each.result] += each.count
    rows = run.rows()
    shown: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["name"] != "Aggregated":
            shown[row["name"], "ok"] += int(row["requests"]) - int(row["failures"])
            shown[row["name"], "fail"] += int(row["failures"])
    assert +shown == recorded
    whole = [row for row in rows if row["name"] == "Aggregated"]
    ended = sum(recorded.values())
    assert sum(int(row["requests"]) for row in whole) == ended == pushed(collector, "loadlab.requests")
    sent = sum(int(row["sent"]) for row in whole)
    assert sent == run.total("sent") == pushed(collector, "loadlab.sent")
    assert run.law and sent == ended + int(whole[-1]["in_flight"])


def shows_all_users(run: Run, collector: Collector) -> None:
    """While it runs: the scrape, the last push and the file's last row."""

    def shown() -> tuple[int, int, int]:
        at_collector = pushed(collector, "loadlab.users") if collector.got else 0
        return run.scraped()["loadlab_users"], at_collector, int(run.rows()[-1]["users"] or 0)

    began = SYSTEM.monotonic()
    while shown() != (USERS,) * 3:  # the exports have threads of their own
        assert SYSTEM.monotonic() - began < 5
        SYSTEM.sleep(0.02)


def test_what_is_exported_of_two_processes_is_all_of_it_also_when_one_is_killed(run: Run, collector: Collector) -> None:
    fleet = run.begin(processes=2)
    fleet.set_users(USERS)
    until(fleet, lambda: run.total("succeeded") > 60)
    shows_all_users(run, collector)
    os.kill(fleet.pids[1], signal.SIGKILL)

    def noticed() -> bool:
        fleet.check()
        return bool(run.notes)

    until(fleet, noticed)
    until(fleet, lambda: run.intervals[-1].users == USERS)
    shows_all_users(run, collector)
    fleet.stop()
    held_against_the_recording(run, collector)


def test_what_is_exported_of_two_workers_is_all_of_it(run: Run, collector: Collector) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(Path(sys.executable).with_name("loadlab")), "worker", "--master", at, "--once"]
    for _ in range(2):
        worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        run.stack.callback(worker.wait)
        run.stack.callback(worker.kill)
    fleet = run.begin(workers=2, bind=at)
    fleet.set_users(USERS)
    until(fleet, lambda: run.total("succeeded") > 60)
    shows_all_users(run, collector)
    fleet.stop()
    held_against_the_recording(run, collector)
