"""Two and three real generator processes against a real server."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import LoadError, SpecError
from loadlab.load._config import LoadConfig, config
from loadlab.load._driver import start
from loadlab.load.fleet import GONE, Fleet
from loadlab.spec.model import LoadSpec, Profile, Spec
from tests.load.scripted import Scripted, never, ok
from tests.load.test_driver_real import Heard

pytestmark = pytest.mark.real

Begin = Callable[..., tuple[Fleet, Heard, Scripted, list[str]]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """begin(processes, ...) starts a server and a fleet without users yet."""
    made: list[tuple[Fleet, Scripted]] = []

    def begin(processes: int, *steps: object, locustfile: str = "", **options: object) -> object:
        server, heard, notes = Scripted(steps or (ok(),)), Heard(), list[str]()
        if locustfile:
            (tmp_path / "users.py").write_text(
                "from locust import *\nfrom loadlab.load import WireHttpUser\n" + locustfile
            )
            options["locustfile"] = str(tmp_path / "users.py")
        how = LoadConfig(
            server.url, log=tmp_path / "generator-0.log", env=dict(os.environ), processes=processes, **options
        )
        fleet = start(how, heard, SYSTEM, SYSTEM.monotonic(), notes.append)
        made.append((fleet, server))
        return fleet, heard, server, notes

    yield begin
    for fleet, server in made:
        fleet.stop()
        server.stop()


def until(fleet: Fleet, true: Callable[[], bool], within_s: float = 5.0) -> None:
    began = SYSTEM.monotonic()
    while not true():
        assert SYSTEM.monotonic() - began < within_s
        fleet.cut()
        SYSTEM.sleep(0.02)


def test_users_of_several_processes_are_one_load(begin: Begin) -> None:
    fleet, heard, server, _ = begin(3, think_s=0.02)
    assert len(set(fleet.pids)) == 3
    fleet.set_users(7)
    until(fleet, lambda: bool(heard.intervals) and heard.intervals[-1].users == 7 and heard.total("succeeded") > 100)
    fleet.stop()
    assert heard.law
    assert heard.total("sent") == len(server.requests)
    ends = [(each.start, each.end) for each in heard.intervals]
    assert all(start < end for start, end in ends)


def test_a_rate_is_a_rate_of_all_together_and_even_arrivals_stay_even(begin: Begin) -> None:
    fleet, heard, server, _ = begin(2, model="open", arrivals="even")
    fleet.set_rate(100.0)
    SYSTEM.sleep(2.0)
    fleet.set_rate(0.0)
    fleet.stop()
    assert 0.9 * 200 <= heard.total("due") <= 1.05 * 200
    assert heard.total("due") == heard.total("sent") == len(server.requests)


def test_one_that_is_killed_is_named_and_the_load_goes_on(begin: Begin) -> None:
    fleet, heard, _, notes = begin(2, never)
    fleet.set_users(6)
    until(fleet, lambda: bool(heard.intervals) and heard.intervals[-1].in_flight == 6)
    killed, other = fleet.pids
    os.kill(killed, signal.SIGKILL)

    def noticed() -> bool:
        fleet.check()
        return bool(notes)

    until(fleet, noticed, 2.0)
    assert "process 1 of 2 of the load generator is gone, and 1 of 2 have its share now" in notes[0]
    until(fleet, lambda: heard.intervals[-1].in_flight == 6)
    assert heard.law and heard.errors() == {"GeneratorDied": 3} and heard.names() == {GONE}
    os.kill(other, signal.SIGKILL)
    with pytest.raises(LoadError, match="process 2 of 2"):
        until(fleet, lambda: bool(fleet.check()), 2.0)


def test_the_rate_of_one_that_is_killed_comes_from_the_others(begin: Begin) -> None:
    fleet, heard, _, notes = begin(3, model="open", arrivals="even")
    fleet.set_rate(150.0)
    until(fleet, lambda: heard.total("due") > 100)
    os.kill(fleet.pids[0], signal.SIGKILL)

    def noticed() -> bool:
        fleet.check()
        return bool(notes)

    until(fleet, noticed, 2.0)
    fleet.cut()
    since = len(heard.intervals)
    until(fleet, lambda: heard.intervals[-1].end - heard.intervals[since - 1].end > 2.0)
    later = heard.intervals[since:]
    rate = sum(each.due for each in later) / (later[-1].end - later[0].start)
    assert rate == pytest.approx(150.0, rel=0.1)
    fleet.set_rate(0.0)
    fleet.stop()
    assert heard.law and set(heard.errors()) <= {"GeneratorDied"}
    assert heard.total("sent") == heard.total("succeeded") + heard.total("failed")


def test_arrivals_are_even_together_again_after_one_was_killed(begin: Begin) -> None:
    """Of three at 30/s the one in the middle: if the others kept their places, gaps would be 22 and 44 ms by turns."""
    came: list[float] = []

    def answer(connection: socket.socket) -> None:
        came.append(SYSTEM.monotonic())
        connection.sendall(ok())

    fleet, heard, _, notes = begin(3, answer, model="open", arrivals="even")
    fleet.set_rate(30.0)
    until(fleet, lambda: heard.total("due") > 5)
    os.kill(fleet.pids[1], signal.SIGKILL)

    def noticed() -> bool:
        fleet.check()
        return bool(notes)

    until(fleet, noticed, 2.0)
    SYSTEM.sleep(0.1)
    before = len(came)
    SYSTEM.sleep(1.0)
    gaps_s = [later - earlier for earlier, later in pairwise(came[before:])]
    assert len(gaps_s) >= 20
    assert median(abs(gap_s - 1 / 30) for gap_s in gaps_s) < 0.004


def test_users_asked_for_while_others_still_end_are_all_there(begin: Begin) -> None:
    """From many to few, and to more again before those that were stopped have ended what they do: at the knee."""
    slow = """
class Slow(WireHttpUser):
    @task
    def ask(self):
        import time
        time.sleep(1.0)
        self.client.get("/")
"""
    fleet, heard, _, _ = begin(2, locustfile=slow)
    for users in (40, 4):
        fleet.set_users(users)
        SYSTEM.sleep(0.3)
    fleet.set_users(16)
    SYSTEM.sleep(3.0)
    for _ in range(5):
        until(fleet, lambda: heard.intervals[-1].users == 16)
        SYSTEM.sleep(0.2)
    assert heard.law


def test_users_that_stop_themselves_are_not_started_again(begin: Begin) -> None:
    """Nor where users that were told to stop were waited for just before."""
    twice = """
from locust.exception import StopUser
class Twice(WireHttpUser):
    done = 0
    @task
    def ask(self):
        import time
        time.sleep(0.5)
        self.client.get("/")
        self.done += 1
        if self.done == 2:
            raise StopUser
"""
    fleet, heard, _, _ = begin(2, locustfile=twice)
    for users in (12, 2, 6):
        fleet.set_users(users)
        SYSTEM.sleep(0.2)
    # The last second heard of may be from before there was anybody.
    until(fleet, lambda: any(each.users for each in heard.intervals) and heard.intervals[-1].users == 0)
    SYSTEM.sleep(0.5)
    fleet.cut()
    SYSTEM.sleep(0.1)
    assert heard.intervals[-1].users == 0 and heard.law


def test_classes_of_which_there_shall_be_so_many_are_so_many_of_all(begin: Begin) -> None:
    users = """
class Rare(WireHttpUser):
    fixed_count = 1
    wait_time = constant(0.01)
    @task
    def ask(self): self.client.get("/rare")
class Common(WireHttpUser):
    wait_time = constant(0.01)
    @task
    def ask(self): self.client.get("/common")
"""
    fleet, heard, _, _ = begin(2, locustfile=users)
    fleet.set_users(6)
    until(fleet, lambda: heard.total("succeeded") > 120)
    counts = dict.fromkeys(("GET /rare", "GET /common"), 0)
    for each in heard.intervals:
        for one in each.endpoints:
            counts[one.endpoint] += len(one.latency_us)
    assert counts["GET /common"] > 2.5 * counts["GET /rare"] > 0


def test_a_cap_that_cannot_be_divided_is_refused() -> None:
    service = {"name": "app", "command": ["run", "{port}"]}
    spec = Spec(name="x", service=[service], load=LoadSpec(processes=4))
    profile = Profile(name="x", model="open", shape="constant", rate=10, max_in_flight=3)
    with pytest.raises(SpecError, match="max_in_flight = 3 cannot be divided among 4 processes"):
        config(spec, profile, "http://127.0.0.1:1", Path("log"))


@pytest.mark.parametrize(
    ("url", "bind", "fine"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", True),
        ("http://127.0.0.1:8000", "10.0.0.1", False),
        ("http://localhost:8000", "10.0.0.1:5557", False),
        ("http://[::1]:8000", "0.0.0.0", False),
        ("http://10.0.0.9:8000", "0.0.0.0:5557", True),
        ("http://shop.example:8000", "[::]:5557", True),
    ],
)
def test_workers_on_other_hosts_need_an_address_that_they_reach(url: str, bind: str, fine: bool) -> None:
    spec = Spec(name="x", service=[{"name": "app", "command": ["run", "{port}"]}])
    profile = Profile(name="x", shape="constant", users=4)
    with nullcontext() if fine else pytest.raises(SpecError, match="which they do not reach"):
        assert config(spec, profile, url, Path("log"), workers=2, bind=bind).workers == 2
