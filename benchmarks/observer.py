"""What observing costs: throughput of a saturated service with and without the probes, window by window in turn.

    python benchmarks/observer.py [pairs]

The sample `single` under the generator at a constant number of users; each pair is a window with the probes and one
without, in random order. Prints each pair's loss, the median with a bootstrap interval, and the CPU the observer used.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from loadlab.catalogue import units
from loadlab.clock import SYSTEM
from loadlab.load import _driver
from loadlab.load._conduct import Meter
from loadlab.probes._sampler import Sampler
from loadlab.recording.model import Metric
from loadlab.services import _guardian, _launch, _watched
from loadlab.spec import places, read

WINDOW_S, SETTLE_S, USERS = 3.0, 0.5, 8


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
    """Counts what the probes cost."""

    def __init__(self) -> None:
        self.cost_ms = 0.0

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        """Nothing to prepare."""

    def rows(self, probe: str, t: float, rows: object, late_ms: float, cost_ms: float) -> None:
        """One tick."""
        self.cost_ms += cost_ms

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


def main() -> None:
    """Measure and print."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    spec = read.system(places.samples() / "single" / "loadlab.toml")
    t0, meter = SYSTEM.monotonic(), Meter()
    losses, spent, watched_s = [], 0.0, 0.0
    with tempfile.TemporaryDirectory() as name, _guardian.Guardian() as guardian:
        folder = Path(name)
        plans = _launch.plan_all(spec, folder)
        profile = read.profile("ramp", spec.folder)
        with _launch.launch(plans, Journal(folder), SYSTEM, guardian) as services:
            config = _driver.config(spec, profile, services.url(spec.target.name), folder / "generator.log")
            with _driver.start(config, meter, SYSTEM, t0) as load:
                watched = _watched.Watched(services)
                watched.generator(load)
                load.set_users(USERS)
                SYSTEM.sleep(3.0)
                for number in range(pairs):
                    rates: dict[bool, float] = {}
                    for observed in random.Random(number).sample([True, False], 2):
                        if not observed:
                            rates[False] = window(meter, load, t0)
                            continue
                        before, began = sum(os.times()[:2]), SYSTEM.monotonic()
                        with Sampler(units("probes"), watched, Sink(), SYSTEM, t0):
                            rates[True] = window(meter, load, t0)
                        spent += sum(os.times()[:2]) - before
                        watched_s += SYSTEM.monotonic() - began
                    losses.append(1 - rates[True] / rates[False])
                    print(f"pair {number + 1}: {rates[False]:7.1f} without, {rates[True]:7.1f} with: {losses[-1]:+.1%}")
    drawn = np.median(np.random.default_rng(1).choice(losses, (4000, len(losses))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    print(f"loss of throughput: median {np.median(losses):+.1%}, 95% interval {low:+.1%} to {high:+.1%}")
    print(f"CPU of the observer: {spent / watched_s:.3f} cores")


if __name__ == "__main__":
    main()
