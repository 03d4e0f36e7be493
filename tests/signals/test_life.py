from __future__ import annotations

import signal
from typing import Any

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Event
from loadlab.rules import Found
from loadlab.signals import Signals, life
from tests.build import Builder, Proc


def ended(role: str = "app", lived_s: float = 9.0, at: float = 25.0, **how: Any) -> Builder:
    """A system of which one worker ended."""
    built = Builder().service("app", Proc(cores=0.5), role=role).load().generator().host()
    data = {"code": None, "signal": None, "lived_s": lived_s, **how}
    built.events.append(Event(at, "worker_exited", "app", 0, 110, data))
    return built


@pytest.mark.parametrize(
    ("built", "crashed", "why"),
    [
        (ended(signal=int(signal.SIGKILL)), True, "killed"),
        (ended(signal=int(signal.SIGSEGV), lived_s=0.6), True, "it fell, however young"),
        (ended(code=1), True, "an exception that nobody caught"),
        (ended(code=1, role="database", lived_s=30.0), False, "a connection that was ended"),
        (ended(signal=int(signal.SIGSEGV), role="database"), True, "a database falls, too"),
        (ended(code=0), False, "renewed after so many requests"),
        (ended(signal=int(signal.SIGTERM)), False, "its master asked"),
        (ended(code=143), False, "its master asked, and it said so in its own way"),
        (ended(code=1, lived_s=0.7), False, "a tool that was run for one request"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_a_worker_may_end(built: Builder, crashed: bool, why: str) -> None:
    assert bool(life.compute(built.recording()).exits) == crashed, why


@pytest.mark.parametrize("apart_s", [-0.5, 0.5])
def test_workers_that_end_with_their_instance_are_no_crash_of_their_own(apart_s: float) -> None:
    built = ended(signal=int(signal.SIGKILL), at=25.0 + apart_s)
    built.events.append(Event(25.0, "exited", "app", 0, 100, {"code": None, "signal": 9, "expected": False}))
    (exit_,) = life.compute(built.recording()).exits
    assert exit_.pid == 100 and not exit_.worker


def test_a_worker_is_named_as_one() -> None:
    built = ended(signal=int(signal.SIGKILL))
    built.events.append(Event(40.0, "worker_exited", "app", 0, 111, {"code": None, "signal": 9, "lived_s": 20.0}))
    found = ask(units("rules")["service_crashed"], Signals(built.recording()))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.sentence == "a worker of app crashed 2 times under load: killed by SIGKILL" and fault.pid == 110
