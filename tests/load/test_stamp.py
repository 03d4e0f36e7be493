"""The kernel's stamps, and what a clock that was set does to them."""

from __future__ import annotations

import pytest

from loadlab.clock import FakeClock
from loadlab.load import _connection
from loadlab.load._connection import AHEAD_S, OFFSET_EVERY_S, SO_TIMESTAMPING, TIMESPEC, Offset, stamp

WALL = 1_700_000_000.0


def ancillary(wall: float) -> list[tuple[int, int, bytes]]:
    """As recvmsg gives it: three timespecs, of which the first is the software's."""
    seconds, fraction = divmod(wall, 1)
    return [(1, SO_TIMESTAMPING, TIMESPEC.pack(int(seconds), int(fraction * 1e9)) + bytes(32))]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Monotonic 100 s when the epoch's is WALL + 100."""
    made = FakeClock(100.0, wall=WALL + 100)
    monkeypatch.setattr(_connection, "SYSTEM", made)
    monkeypatch.setattr(_connection, "OFFSET", Offset())
    return made


def test_a_stamp_on_the_monotonic_clock(clock: FakeClock) -> None:
    assert stamp(ancillary(WALL + 99.5), now=100.0, sent=99.0) == pytest.approx(99.5, abs=1e-6)


@pytest.mark.parametrize("at", [98.9, 100.0 + 2 * AHEAD_S, -50.0, 4000.0])
def test_a_stamp_that_cannot_be_is_not_believed(clock: FakeClock, at: float) -> None:
    assert stamp(ancillary(WALL + at), now=100.0, sent=99.0) is None


def test_a_stamp_a_little_ahead_is_now(clock: FakeClock) -> None:
    assert stamp(ancillary(WALL + 100.0 + AHEAD_S / 2), now=100.0, sent=99.0) == 100.0


@pytest.mark.parametrize("found", [[], [(1, SO_TIMESTAMPING, b"short")]])
def test_without_a_stamp(clock: FakeClock, found: list[tuple[int, int, bytes]]) -> None:
    assert stamp(found, now=100.0, sent=99.0) is None


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_that_was_set_spoils_no_more_than_a_moment(clock: FakeClock, step_s: float) -> None:
    assert stamp(ancillary(clock.wall()), now=clock.now, sent=99.0) is not None
    clock._epoch += step_s
    assert stamp(ancillary(clock.wall()), now=clock.now, sent=99.0) is None
    clock.sleep(1.01 * OFFSET_EVERY_S)
    assert stamp(ancillary(clock.wall()), now=clock.now, sent=99.0) == pytest.approx(clock.now, abs=1e-6)
