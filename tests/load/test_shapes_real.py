"""The generator itself: rates, caps, tasks as arrivals, a log once more, and a locustfile's own shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import LoadError
from tests.load.scripted import ok, slowly
from tests.load.test_driver_real import Begin, begin

__all__ = ["begin"]
pytestmark = pytest.mark.real

TASKS = """
class Buyer(WireHttpUser):
    weight = 3
    wait_time = constant(100)
    def on_start(self):
        self.client.post("/login")
    @task
    def buy(self):
        self.client.get("/cart")
        self.client.get("/pay")

class Looker(WireHttpUser):
    @task
    def look(self):
        self.client.get("/look")
        raise RuntimeError("lost the way")
"""
SHAPE = """
class Calm(WireHttpUser):
    wait_time = constant(0.05)
    @task
    def ask(self):
        self.client.get("/calm")
class Busy(Calm):
    pass
class Mine(LoadTestShape):
    ticks = 0
    def tick(self):
        self.ticks += 1
        if self.ticks == 1:
            return 4, 100
        if self.ticks == 2:
            return self.get_current_user_count() + 2, 100, [Busy]
        return None
"""
PACED = """
class Paced(WireHttpUser):
    wait_time = constant_throughput(10)
    @task
    def ask(self):
        self.client.get("/paced")
"""


def test_a_cap_holds_back_counts_and_the_wait_is_in_the_latency(begin: Begin) -> None:
    """Two at once, of 20 ms each, are 100 a second at most: of 300 most wait, longer and longer."""
    bench = begin(slowly(ok(b""), 0.02 / len(ok(b""))), model="open", arrivals="even", max_in_flight=2)
    bench.generator.set_rate(300)
    bench.until(lambda: bench.heard.total("succeeded") > 60)
    bench.generator.stop()
    assert bench.heard.law
    due = bench.heard.total("due")
    last = bench.heard.intervals[-1]
    assert due == bench.heard.total("sent") + last.waiting
    assert last.waiting > 0
    assert bench.heard.total("not_sent") >= last.waiting
    assert max(each.in_flight for each in bench.heard.intervals) <= 2
    latency, service = (
        max(max(getattr(one, name)) for each in bench.heard.intervals for one in each.endpoints)
        for name in ("latency_us", "service_us")
    )
    assert latency > 5 * service


def test_a_locustfile_in_the_open_model_is_a_rate_of_tasks(begin: Begin) -> None:
    bench = begin(ok(), locustfile=TASKS, model="open", arrivals="even")
    began = SYSTEM.monotonic()
    bench.generator.set_rate(100)
    bench.until(lambda: bench.heard.total("due") >= 150)
    took = SYSTEM.monotonic() - began
    bench.generator.set_rate(0)
    bench.generator.stop()
    assert bench.heard.law
    asked = [each.split(b" ")[1] for each in bench.server.requests]
    due = bench.heard.total("due")
    assert due == asked.count(b"/cart") + asked.count(b"/look")
    assert asked.count(b"/cart") == asked.count(b"/pay")
    assert 0.6 * due < asked.count(b"/cart") < 0.9 * due
    assert 1.2 < took < 2.5
    assert 0 < asked.count(b"/login") < due / 2
    assert bench.heard.errors()["Looker raised RuntimeError"] == asked.count(b"/look")


def test_a_log_is_sent_once_more_at_its_times(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("time,path\n0,/a/1\n0.5,/b?q=1\n0.6,/a/2\n0.65,/go/http://elsewhere/\n")
    replay = {"path": str(tmp_path / "log.csv"), "speed": 2.0, "methods": ["GET"], "most_s": 60.0}
    bench = begin(ok(), model="open", replay=replay)
    began = SYSTEM.monotonic()
    bench.generator.replay()
    bench.until(lambda: bench.heard.total("succeeded") == 4)
    assert 0.3 < SYSTEM.monotonic() - began < 1.0
    assert [each.split(b" ")[1] for each in bench.server.requests] == [
        b"/a/1", b"/b?q=1", b"/a/2", b"/go/http://elsewhere/",
    ]  # fmt: skip
    assert {"GET /a/{id}", "GET /b"} <= bench.heard.names()


def test_a_shape_says_how_many_of_which_users_and_when_it_is_over(begin: Begin) -> None:
    bench = begin(ok(), locustfile=SHAPE, own_shape=True)

    def wanted() -> tuple[int | None, tuple[str, ...], bool]:
        last = bench.heard.intervals[-1].wanted
        assert last is not None and last.shape == "Mine"
        return last.users, last.classes, last.over

    assert wanted() == (None, (), False)
    bench.generator.own_shape()
    bench.until(lambda: wanted()[0] == 4)
    bench.generator.set_users(4, 100.0)
    bench.until(lambda: bench.heard.intervals[-1].users == 4)
    bench.until(lambda: wanted() == (6, ("Busy",), False))
    bench.generator.set_users(6, 100.0, ("Busy",))
    bench.until(lambda: bench.heard.intervals[-1].users == 6)
    bench.until(lambda: wanted()[2])
    assert bench.heard.total("succeeded") > 10


def test_a_shape_that_raises_ends_the_load_and_says_so(begin: Begin) -> None:
    bench = begin(ok(), locustfile=SHAPE.replace("self.ticks += 1", "self.never_there += 1"), own_shape=True)
    bench.generator.own_shape()
    bench.until(lambda: (bench.heard.intervals[-1].wanted or False) and bench.heard.intervals[-1].wanted.over)
    assert bench.heard.errors() == {"Mine.tick raised AttributeError": 1}


def test_a_profile_of_that_shape_needs_one_in_the_locustfile(begin: Begin) -> None:
    with pytest.raises(LoadError, match="defines no LoadTestShape"):
        begin(ok(), locustfile=PACED, own_shape=True)


def test_users_keep_locusts_pacing(begin: Begin) -> None:
    """Ten a second each, whatever an answer takes."""
    bench = begin(slowly(ok(b""), 0.04 / len(ok(b""))), locustfile=PACED)
    bench.generator.set_users(5)
    SYSTEM.sleep(0.5)
    bench.generator.cut()
    SYSTEM.sleep(0.1)
    before, began = bench.heard.total("sent"), SYSTEM.monotonic()
    SYSTEM.sleep(1.5)
    bench.generator.cut()
    SYSTEM.sleep(0.1)
    rate = (bench.heard.total("sent") - before) / (SYSTEM.monotonic() - began)
    assert rate == pytest.approx(50, rel=0.2)
