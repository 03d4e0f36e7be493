"""What observing costs: throughput of a saturated service with and without the probes, window by window in turn.

    python benchmarks/observer.py [rounds] [sample] [probes | compiled]

A sample (`single`, which leaves cores idle; `cluster` fills them all), or a folder with a loadlab.toml, under the
generator at a constant number of users; each round holds two windows with the probes and two without. `compiled`: with
the profiler of compiled programs instead of them. Prints each round's loss, the median with a bootstrap interval, and
the CPU the observer used.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadlab.catalogue import units
from loadlab.clock import SYSTEM
from loadlab.load import _config, _driver
from loadlab.load._conduct import Meter
from loadlab.probes import _native
from loadlab.probes._sampler import Sampler
from loadlab.probes._tree import Tree
from loadlab.recording.model import Metric
from loadlab.services import _guardian, _launch, _watched
from loadlab.spec import places, read

WINDOW_S, SETTLE_S, USERS = 1.5, 0.3, 8


@dataclass(frozen=True)
class Round:
    """Requests a second without and with the probes; CPU seconds the observer spent in how many seconds."""

    without: float
    observed: float
    spent_s: float
    seconds: float

    @property
    def loss(self) -> float:
        """Share of the throughput that observing cost."""
        return 1 - self.observed / self.without


class Journal:
    """What services write to: nothing is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def event(self, *_args: object, **_data: object) -> None:
        """Forgotten."""

    def log_path(self, service: str, instance: int) -> Path:
        """A log in the temporary folder."""
        return self.folder / f"{service}-{instance}.log"


class Sink:
    """Where rows go: nowhere. Writing them down is not part of this measurement."""

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        """Nothing to prepare."""

    def rows(self, probe: str, t: float, rows: object, late_ms: float, cost_ms: float) -> None:
        """One tick, forgotten."""

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        """A tick that failed would make the probes look cheap."""
        raise SystemExit(f"{probe}: {error}")


def window(meter: Meter, load: _driver.ChildGenerator, t0: float) -> float:
    """Requests per second of one window."""
    SYSTEM.sleep(SETTLE_S)
    load.cut()
    start = SYSTEM.monotonic() - t0
    SYSTEM.sleep(WINDOW_S)
    load.cut()
    SYSTEM.sleep(0.1)
    count, seconds = meter.answered(start - 0.02, SYSTEM.monotonic() - t0)
    return count / seconds


@contextmanager
def profiled(watched: _watched.Watched, t0: float) -> Iterator[None]:
    """The profiler of compiled programs looks meanwhile, and says afterwards what it has seen."""
    stop = threading.Event()
    members = Tree(watched).members(SYSTEM.monotonic() - t0)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(_native.record, members, 60.0, SYSTEM, stop)
        try:
            yield
        finally:
            stop.set()
        for each in looking.result():
            if each.error or not each.by_pid:
                raise SystemExit(f"{each.target.service}: {each.error or 'nothing was seen'}")


Observe = Callable[[], AbstractContextManager[object]]


def rounds(count: int, observe: Observe, measure: Callable[[], float]) -> Iterator[Round]:
    """Each round holds two windows with the probes and two without, as ABBA or BAAB by turns: what the machine loses or
    gains steadily meanwhile is in both alike."""
    for number in range(count):
        rates: dict[bool, list[float]] = {True: [], False: []}
        spent = seconds = 0.0
        first = bool(number % 2)
        for observed in (first, not first, not first, first):
            if not observed:
                rates[False].append(measure())
                continue
            before, began = sum(os.times()[:2]), SYSTEM.monotonic()
            with observe():
                rates[True].append(measure())
            spent += sum(os.times()[:2]) - before
            seconds += SYSTEM.monotonic() - began
        yield Round(sum(rates[False]) / 2, sum(rates[True]) / 2, spent, seconds)


def say(found: list[Round]) -> None:
    """The median and what it is worth."""
    losses = [each.loss for each in found]
    drawn = np.median(np.random.default_rng(1).choice(losses, (4000, len(losses))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    print(f"loss of throughput: median {np.median(losses):+.1%}, 95% interval {low:+.1%} to {high:+.1%}")
    print(f"CPU of the observer: {sum(each.spent_s for each in found) / sum(each.seconds for each in found):.3f} cores")


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    sample = sys.argv[2] if len(sys.argv) > 2 else "single"
    compiled = sys.argv[3:] == ["compiled"]
    system = Path(sample) if Path(sample).is_dir() else places.samples() / sample
    spec = read.system(system / "loadlab.toml")
    t0, meter, found = SYSTEM.monotonic(), Meter(), []
    with tempfile.TemporaryDirectory() as name, _guardian.Guardian() as guardian:
        folder = Path(name)
        plans = _launch.plan_all(spec, folder)
        profile = read.profile("ramp", spec.folder)
        with _launch.launch(plans, Journal(folder), SYSTEM, guardian) as services:
            config = _config.config(spec, profile, services.url(spec.target.name), folder / "generator.log")
            with _driver.start(config, meter, SYSTEM, t0) as load:
                watched = _watched.Watched(services)
                watched.generator(load)
                load.set_users(USERS)
                SYSTEM.sleep(3.0)

                def observe() -> AbstractContextManager[object]:
                    return profiled(watched, t0) if compiled else Sampler(units("probes"), watched, Sink(), SYSTEM, t0)

                for each in rounds(count, observe, lambda: window(meter, load, t0)):
                    found.append(each)
                    print(f"{each.without:7.1f} without, {each.observed:7.1f} with: {each.loss:+.1%}", flush=True)
    say(found)


if __name__ == "__main__":
    main()
