"""Greenlets wake at their moment, in order, and not at all once they were killed."""

from __future__ import annotations

import statistics

import gevent
import pytest

from loadlab.clock import SYSTEM
from loadlab.load._alarm import alarm

pytestmark = pytest.mark.real


def test_it_wakes_sooner_after_the_moment_than_gevent_does() -> None:
    def late_ms(pause_s: float) -> float:
        due = SYSTEM.monotonic() + pause_s
        alarm().sleep_until(due)
        return 1000 * (SYSTEM.monotonic() - due)

    late = [late_ms(0.00237) for _ in range(60)]
    assert min(late) >= 0
    # gevent's own sleep: 0.8 in the middle, never under 0.7.
    assert statistics.median(late) < 0.5


def test_those_who_sleep_wake_in_order_and_the_killed_do_not() -> None:
    woken: list[float] = []
    began = SYSTEM.monotonic()

    def sleeper(after_s: float) -> None:
        alarm().sleep_until(began + after_s)
        assert SYSTEM.monotonic() >= began + after_s
        woken.append(after_s)

    greenlets = {after_s: gevent.spawn(sleeper, after_s) for after_s in (0.09, 0.03, 0.06, 0.03, -1.0, 0.12)}
    gevent.sleep(0.01)
    assert woken == [-1.0]
    greenlets[0.06].kill()
    gevent.joinall(list(greenlets.values()), timeout=1.0, raise_error=False)
    gevent.sleep(0.1)
    assert woken == [-1.0, 0.03, 0.03, 0.09, 0.12]


def test_one_who_was_killed_while_it_was_due_does_not_go_on() -> None:
    went_on: list[bool] = []

    def sleeper() -> None:
        alarm().sleep_until(SYSTEM.monotonic() + 0.02)
        went_on.append(True)

    def stop() -> None:
        gevent.sleep(0.01)
        # Busy past the moment of waking: both are due in the same turn of the loop.
        SYSTEM.sleep(0.03)
        greenlet.kill(block=False)

    greenlet = gevent.spawn(sleeper)
    gevent.spawn(stop)
    gevent.sleep(0.08)
    assert greenlet.dead and not went_on
