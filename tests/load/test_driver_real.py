"""The generator as a child process: what it counts, how it is told, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import LoadError
from loadlab.load import LoadInterval, _driver, _talk
from loadlab.load._config import LoadConfig
from loadlab.load._driver import ChildGenerator, start
from tests.load.scripted import Scripted, Step, close, never, ok

pytestmark = pytest.mark.real

WITHIN_S = 5.0


@dataclass
class Heard:
    """All intervals, added up."""

    intervals: list[LoadInterval] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def interval(self, interval: LoadInterval) -> None:
        self.intervals.append(interval)

    def total(self, name: str) -> int:
        return sum(getattr(each, name) for each in self.intervals)

    def errors(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for each in self.intervals:
            for error in each.errors:
                found[error.error] = found.get(error.error, 0) + error.count
        return found

    def names(self) -> set[str]:
        return {endpoint.endpoint for each in self.intervals for endpoint in each.endpoints}

    @property
    def law(self) -> bool:
        """Nothing is lost: at the end of each interval, and in the arrays."""
        sent = done = 0
        for each in self.intervals:
            sent += each.sent
            done += each.succeeded + each.failed
            assert sent == done + each.in_flight
            in_arrays = sum(len(one.latency_us) for one in each.endpoints)
            assert in_arrays == each.succeeded + each.failed == len(each.reader_lag_us)
        return True


@dataclass
class Bench:
    """A generator, what was heard of it, and the server."""

    generator: ChildGenerator
    heard: Heard
    server: Scripted

    def until(self, true: Callable[[], bool]) -> float:
        """Seconds until it is true, cutting intervals meanwhile; fails where it never is."""
        began = SYSTEM.monotonic()
        while not true():
            assert SYSTEM.monotonic() - began < WITHIN_S, self.heard.intervals[-3:]
            self.generator.cut()
            SYSTEM.sleep(0.02)
        return SYSTEM.monotonic() - began


Begin = Callable[..., Bench]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """begin(step, ..., locustfile=text, rate=...) starts a server and a generator that has no users yet."""
    made: list[Bench] = []

    def begin(*steps: Step, locustfile: str | None = None, **options: object) -> Bench:
        server = Scripted(steps or (ok(),))
        if locustfile is not None:
            (tmp_path / "users.py").write_text(
                "from locust import *\nfrom loadlab.load import WireHttpUser\n" + locustfile
            )
            options["locustfile"] = str(tmp_path / "users.py")
        heard = Heard()
        config = LoadConfig(server.url, log=tmp_path / "log", env=dict(os.environ), **options)  # type: ignore[arg-type]
        made.append(Bench(start(config, heard, SYSTEM, SYSTEM.monotonic()), heard, server))
        return made[-1]

    yield begin
    for each in made:
        each.generator.stop()
        each.server.stop()


def test_users_come_and_go_at_once_and_nothing_is_lost(begin: Begin) -> None:
    bench = begin(think_s=0.05)
    for users in (200, 3, 100, 0, 10):
        bench.generator.set_users(users)
        took = bench.until(lambda users=users: bench.heard.intervals[-1].users == users)  # type: ignore[misc]
        assert took < 1.0
    bench.until(lambda: bench.heard.total("succeeded") > 500)
    bench.generator.stop()
    assert bench.heard.law
    assert bench.heard.intervals[-1].in_flight == 0
    assert bench.heard.total("kernel_stamped") > 0.9 * bench.heard.total("succeeded")
    assert bench.heard.total("failed") == 0
    assert not bench.generator.alive and bench.generator.problem is None


def test_what_never_came_back_is_in_flight_at_the_end(begin: Begin) -> None:
    bench = begin(never)
    bench.generator.set_users(20)
    bench.until(lambda: bench.heard.intervals[-1].in_flight == 20)
    bench.generator.stop()
    assert bench.heard.law
    assert (bench.heard.total("sent"), bench.heard.total("failed")) == (20, 0)
    assert bench.heard.intervals[-1].in_flight == 20


def test_failures_are_counted_with_their_moments(begin: Begin) -> None:
    bench = begin(ok(), close, ok(status=b"500 Oops"), ok())
    bench.generator.set_users(1)
    bench.until(lambda: bench.heard.total("succeeded") >= 2)
    bench.generator.stop()
    assert bench.heard.law
    assert bench.heard.errors() == {"HTTP 500": 1}  # GET is repeated where a kept connection was closed
    (error,) = [error for each in bench.heard.intervals for error in each.errors]
    assert 0 < error.first <= error.last


def test_intervals_are_cut_where_they_are_asked_to_be_and_join(begin: Begin) -> None:
    bench = begin(think_s=0.01)
    bench.generator.set_users(2)
    for _ in range(4):
        SYSTEM.sleep(0.15)
        before = len(bench.heard.intervals)
        bench.generator.cut()
        bench.until(lambda before=before: len(bench.heard.intervals) > before)  # type: ignore[misc]
    for one, next_one in zip(bench.heard.intervals, bench.heard.intervals[1:], strict=False):
        assert one.end == next_one.start


@pytest.mark.parametrize("arrivals", ["even", "poisson"])
def test_the_open_model_keeps_its_rate_while_nobody_answers(begin: Begin, arrivals: str) -> None:
    bench = begin(never, model="open", arrivals=arrivals)
    bench.generator.set_rate(200)
    SYSTEM.sleep(1.5)
    bench.generator.cut()
    SYSTEM.sleep(0.1)
    sent = bench.heard.total("sent")
    # From the first moment of the rate to the cut, which on a busy machine comes late.
    assert 210 <= sent <= 500
    assert bench.heard.intervals[-1].in_flight == sent
    bench.generator.stop()
    assert bench.heard.law


def test_the_open_model_counts_a_stall_from_when_requests_were_meant_to_leave(begin: Begin) -> None:
    """The generator itself stands still for half a second: what should have left then is late, and says so."""
    bench = begin(model="open", arrivals="even")
    bench.generator.set_rate(100)
    SYSTEM.sleep(0.3)
    os.kill(bench.generator.pids[0], signal.SIGSTOP)
    SYSTEM.sleep(0.5)
    os.kill(bench.generator.pids[0], signal.SIGCONT)
    SYSTEM.sleep(0.5)
    bench.generator.stop()
    lags = sorted(us for each in bench.heard.intervals for us in each.schedule_lag_us)
    late = [us for us in lags if us > 50_000]
    assert 25 <= len(late) <= 90
    assert 400_000 <= lags[-1] <= 1_000_000
    latencies = [us for each in bench.heard.intervals for one in each.endpoints for us in one.latency_us]
    assert len([us for us in latencies if us > 50_000]) >= len(late) - 1


def test_the_open_model_asks_on_while_the_server_stands_still(begin: Begin) -> None:
    """The golden test of wrk2, smaller: a stall is in the latency of all who were meant to ask during it."""
    flowing = threading.Event()
    flowing.set()

    def answer(connection: socket.socket) -> None:
        flowing.wait()
        connection.sendall(ok())

    bench = begin(answer, model="open", arrivals="even")
    bench.generator.set_rate(200)
    SYSTEM.sleep(0.8)
    flowing.clear()
    SYSTEM.sleep(0.5)
    flowing.set()
    SYSTEM.sleep(0.7)
    bench.generator.stop()
    latencies = sorted(us for each in bench.heard.intervals for one in each.endpoints for us in one.latency_us)
    assert bench.heard.law and len(latencies) == pytest.approx(400, abs=30)
    assert len([us for us in latencies if us > 100_000]) == pytest.approx(80, abs=15)
    assert latencies[int(0.99 * len(latencies))] == pytest.approx(480_000, abs=60_000)


MANY = """
from itertools import count
numbers = count()

class Many(WireHttpUser):
    wait_time = constant(0.001)
    @task
    def ask(self):
        self.client.get(f"/{next(numbers)}")
"""


def test_thousands_of_names_become_one(begin: Begin) -> None:
    bench = begin(locustfile=MANY)
    bench.generator.set_users(20)
    bench.until(lambda: bench.heard.total("succeeded") > 600)
    bench.generator.stop()
    assert len(bench.heard.names()) == 301
    assert bench.heard.law


BOTH = """
from locust import events
heard = []

@events.init.add_listener
def begin(environment, **_):
    print("host is", environment.parsed_options.host)

@events.request.add_listener
def listen(name, response_time, exception, **more):
    heard.append(name)

class Old(FastHttpUser):
    wait_time = constant(0.01)
    @task
    def ask(self):
        self.client.get("/fast")

class Older(HttpUser):
    wait_time = constant(0.01)
    @task
    def ask(self):
        self.client.get("/slow")

class New(WireHttpUser):
    wait_time = constant(0.01)
    @task
    def ask(self):
        self.client.get("/wire", name=f"/heard-{min(len(heard), 1)}")
    @task
    def rest_too(self):
        with self.rest("GET", "/rest") as answer:
            assert answer.js == {}
"""


def test_users_of_other_clients_are_counted_once_each(begin: Begin, tmp_path: Path) -> None:
    bench = begin(ok(b"{}"), locustfile=BOTH)
    bench.generator.set_users(6)
    wanted = {"GET /fast", "GET /slow", "GET /heard-1", "GET /rest"}
    bench.until(lambda: wanted <= bench.heard.names())
    bench.generator.stop()
    assert bench.heard.law
    assert bench.heard.total("succeeded") == len(bench.server.requests) - bench.heard.total("failed")
    assert 0 < bench.heard.total("kernel_stamped") < bench.heard.total("succeeded")
    assert f"host is {bench.server.url}" in (tmp_path / "log").read_text()


RAISES = """
class Bad(WireHttpUser):
    @task
    def ask(self):
        self.client.get("/")
        raise KeyError("nobody expected this")

class Worse(WireHttpUser):
    def on_start(self):
        raise RuntimeError("not even a start")
    @task
    def ask(self):
        pass
"""


def test_users_that_raise_are_counted_shown_and_do_not_spin(begin: Begin, tmp_path: Path) -> None:
    bench = begin(locustfile=RAISES)
    bench.generator.set_users(4)
    SYSTEM.sleep(1.0)
    bench.generator.stop()
    errors = bench.heard.errors()
    assert 4 <= errors["Bad raised KeyError"] <= 20
    assert errors["Worse raised RuntimeError"] == 2
    samples = [error.sample for each in bench.heard.intervals for error in each.errors]
    assert any("nobody expected this" in each and 'users.py", line' in each for each in samples)
    assert bench.heard.law
    assert (tmp_path / "log").stat().st_size < 100_000


@pytest.mark.parametrize(
    ("locustfile", "message"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("x = 1", "defines no user class"),
        ("class Idle(WireHttpUser):\n    pass", "no task in Idle; put @task"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def x(:", "SyntaxError"),
    ],
)
def test_a_locustfile_that_cannot_be_used_is_said_with_its_last_words(
    begin: Begin, locustfile: str, message: str
) -> None:
    with pytest.raises(LoadError, match=message):
        begin(locustfile=locustfile)


def test_a_user_class_that_cannot_be_made(begin: Begin) -> None:
    bench = begin(
        locustfile="class Bad(WireHttpUser):\n    def __init__(self, environment):\n        1 / 0\n    tasks = [print]"
    )
    bench.generator.set_users(3)
    bench.until(lambda: "no user could be started: ZeroDivisionError" in bench.heard.errors())


def checked(bench: Bench) -> None:
    """As a run does it, until that raises."""
    end = SYSTEM.monotonic() + WITHIN_S
    while SYSTEM.monotonic() < end:
        bench.generator.check()
        SYSTEM.sleep(0.05)


def test_a_child_that_dies_is_said_with_its_last_words(begin: Begin) -> None:
    bench = begin(locustfile="import os\nclass Bad(WireHttpUser):\n    @task\n    def x(self):\n        os.abort()")
    bench.generator.set_users(1)
    with pytest.raises(LoadError, match=r"died \(exit code -6\)"):
        checked(bench)
    with pytest.raises(LoadError, match="died"):
        bench.generator.set_users(2)


def test_users_that_never_yield_are_found_and_ended(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_talk, "SILENT_S", 1.6)
    monkeypatch.setattr(_driver, "STOP_S", 0.5)
    bench = begin(locustfile="class Bad(WireHttpUser):\n    @task\n    def x(self):\n        while True: pass")
    bench.generator.set_users(1)
    with pytest.raises(LoadError, match=r"never yields[\s\S]*users.py.*in x"):
        checked(bench)
    bench.generator.stop()
    assert not bench.generator.alive


PARENT = """
import os, sys
from loadlab.clock import SYSTEM
from loadlab.load._config import LoadConfig
from loadlab.load._driver import start
class Deaf:
    def interval(self, interval): pass
generator = start(LoadConfig("http://127.0.0.1:9", locustfile=sys.argv[1], env=dict(os.environ)), Deaf(), SYSTEM, 0.0)
generator.set_users(2)
SYSTEM.sleep(0.3)
print(generator.pids[0], flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("body", ["self.client.get('/')", "while True: pass"])
def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path, body: str) -> None:
    file = tmp_path / "users.py"
    file.write_text(
        "from locust import task\nfrom loadlab.load import WireHttpUser\n"
        f"class U(WireHttpUser):\n    @task\n    def x(self):\n        {body}\n"
    )
    done = subprocess.run([sys.executable, "-c", PARENT, str(file)], stdout=subprocess.PIPE, timeout=30, check=False)
    pid = int(done.stdout)
    end = SYSTEM.monotonic() + WITHIN_S
    while running(pid):
        assert SYSTEM.monotonic() < end
        SYSTEM.sleep(0.05)


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
