"""Instances come and go behind real balancers, under requests, and none is lost; a kill meanwhile leaves nothing."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from loadlab.clock import SYSTEM
from loadlab.recording.model import Entity, Metric
from loadlab.services._readings import Row
from loadlab.services._scaler import Scaler
from tests.services.conftest import APPS, Launched, Launcher, family, until, web

pytestmark = pytest.mark.real

QUICK = {"min": 1, "max": 3, "metric": "in_flight", "out_above": 5, "in_below": 2, "out_cooldown_s": 60,
         "in_cooldown_s": 0, "over_s": 0.5}  # fmt: skip


class Nobody:
    """A Sink that keeps nothing."""

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None: ...
    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None: ...
    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None: ...


@dataclass
class Visitors:
    """Threads that ask all the time, each on a connection it keeps as long as it may."""

    port: int
    answers: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for each in self._threads:
            each.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        used = False
        while not self.over.is_set():
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                body = answer.read()
                used = answer.getheader("Connection") != "close"
                if answer.status == 200:
                    self.answers[int(body.split(b'"pid": ')[1].split(b",")[0])] += 1
                else:
                    self.problems.append(f"{answer.status}")
            except (OSError, http.client.HTTPException) as error:
                # A server may close a connection that is kept: a client then asks once more, on a new one.
                if not used or not isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                    self.problems.append(repr(error))
                connection.close()
                used = False
        connection.close()


def busy(scaler: Scaler, run: Launched, outstanding: float) -> None:
    """What the probe of edges would say: so many requests at each instance that serves."""
    t = SYSTEM.monotonic()
    rows: list[Row] = [
        (Entity("edge", "lb", name=f"app/{each.instance}"), (outstanding,))
        for each in run.running.now()
        if each.service == "app"
    ]
    scaler.rows("edges", t, rows, 0.0, 0.0)


def events(run: Launched) -> list[tuple[str, int]]:
    wanted = ("scaled", "started", "ready", "joined", "left", "exited")
    return [
        (each["kind"], each["instance"])
        for each in run.journal.events
        if each["service"] == "app" and each["kind"] in wanted
    ]


@pytest.mark.parametrize("balancer", ["nginx", "haproxy"])
def test_an_instance_comes_and_goes_and_no_request_is_lost(launching: Launcher, balancer: str) -> None:
    app = web(autoscale=QUICK)
    with launching({"name": "lb", "uses": balancer, "with": {"upstream": "app"}}, app) as run:
        port = next(each.processes[0].ports[0] for each in run.plans if each.service == "lb")
        scaler = Scaler(run.spec, run.names, run.running, run.journal, Nobody(), SYSTEM, 0.0, run.notes.append)
        scaler.declare("edges", (Metric("outstanding", "1", "gauge", "requests"),))
        with scaler, Visitors(port) as visitors:
            assert until(lambda: (busy(scaler, run, 8.0), run.journal.of("joined")[1:])[1], 6)
            second = run.running.instances("app")[1].child
            assert second is not None
            assert until(lambda: visitors.answers[second.pid] >= 50)
            assert until(lambda: (busy(scaler, run, 0.0), run.journal.of("exited"))[1], 8)
            before = visitors.answers[second.pid]
            SYSTEM.sleep(0.2)
            assert visitors.answers[second.pid] == before
        assert visitors.problems == [] and len(visitors.answers) == 2
        assert events(run) == [
            ("started", 0), ("ready", 0), ("joined", 0), ("scaled", 1), ("started", 1), ("ready", 1), ("joined", 1),
            ("scaled", 1), ("left", 1), ("exited", 1),
        ]  # fmt: skip
        assert run.journal.of("exited")[0]["expected"] and run.running.check() == ()
        assert [each.partition(",")[0] for each in run.notes] == ["app: 1 -> 2 instances", "app: 2 -> 1 instances"]


def test_killed_while_an_instance_is_added_nothing_is_left(tmp_path: Path) -> None:
    command = [sys.executable, str(APPS / "scaling.py"), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as loadlab:
        assert loadlab.stdout is not None
        mark = loadlab.stdout.readline().strip()
        assert mark and len(family(mark)) >= 2
        loadlab.kill()
    assert until(lambda: family(mark) == [], 8), "the guardian left somebody"
