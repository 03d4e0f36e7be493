"""Whatever an export does, whoever tells it of an interval goes on at once."""

from __future__ import annotations

import threading

from loadlab.clock import FakeClock
from loadlab.export import About, _relay, started
from loadlab.export._relay import Relay
from loadlab.load import LoadInterval
from tests.export.intervals import interval


class Ear:
    """An export that remembers; `held`: it waits until it is released; `raises`: with each interval."""

    def __init__(self, *, held: bool = False, raises: bool = False) -> None:
        self.heard: list[str] = []
        self.go = threading.Event()
        self.raises = raises
        if not held:
            self.go.set()

    def phase(self, name: str) -> None:
        self.heard.append(name)

    def interval(self, interval: LoadInterval) -> None:
        self.go.wait(5)
        if self.raises:
            raise OSError(28, "No space left on device")
        self.heard.append(f"{interval.start:g}")

    def close(self) -> None:
        self.heard.append("closed")


def test_all_of_it_in_order_and_the_end() -> None:
    ear, notes = Ear(), list[str]()
    with Relay("csv", ear, notes.append) as relay:
        relay.phase("steady")
        relay.interval(interval(0))
        relay.interval(interval(1))
    assert ear.heard == ["steady", "0", "1", "closed"] and notes == []


def test_one_that_hangs_costs_nobody_anything_and_what_is_missing_is_counted() -> None:
    ear, notes = Ear(held=True), list[str]()
    relay = Relay("otlp", ear, notes.append, queue=3)
    for second in range(100):
        relay.interval(interval(second))
    ear.go.set()
    relay.close()
    kept = len([each for each in ear.heard if each != "closed"])
    assert 3 <= kept <= 4
    assert notes == [f"otlp could not follow: {100 - kept} intervals are missing there; the recording has them"]


def test_one_that_never_comes_back_is_left_behind(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(_relay, "CLOSE_S", 0.05)
    ear, notes = Ear(held=True), list[str]()
    relay = Relay("csv", ear, notes.append)
    relay.interval(interval(0))
    relay.interval(interval(1))
    relay.close()
    ear.go.set()
    assert len(notes) == 1 and "could not follow" in notes[0]


def test_one_that_breaks_is_said_once_and_hears_no_more() -> None:
    ear, notes = Ear(raises=True), list[str]()
    with Relay("csv", ear, notes.append) as relay:
        for second in range(3):
            relay.interval(interval(second))
    assert ear.heard == ["closed"]
    assert notes == ["csv stopped: OSError: [Errno 28] No space left on device; the recording has all of it"]


def test_exports_by_their_names(tmp_path) -> None:  # type: ignore[no-untyped-def]
    clock = FakeClock()
    about = About("shop", clock, 0.0, [].append)
    with started({"csv": str(tmp_path / "load.csv")}, about) as relays:
        for each in relays:
            each.phase("steady")
            each.interval(interval(0))
    assert len((tmp_path / "load.csv").read_text().splitlines()) == 4
