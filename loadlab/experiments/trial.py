"""The remedy, tried: the system as it was and the system with the change, both running, under load by turns.

Windows take turns in random order within each round, so that whatever drifts on the machine hits both alike; the one
that has no load stands idle and costs next to nothing. signals/trial.py judges.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from loadlab.clock import Clock
from loadlab.experiments.counting import Count, WindowCounter
from loadlab.experiments.slow_down import ANSWER_S, REQUESTS, ROUND_TRIPS
from loadlab.recording.model import Event

SETTLE_S = 0.5
"""From the first user to the start of a window: users start, connections open, queues fill."""

REST_S = 0.3
"""After the last user: the same side may be next, and users who still end are not started again."""

WINDOW_S = 1.2
LONGEST_S = 4.0
ROUNDS = 8
"""Eight pairs with the 5% that neighbouring windows differ by give an interval of about 6 points."""

FEWEST_ROUNDS = 4


class Load(Protocol):
    """What this needs of a load.Generator."""

    def set_users(self, users: int) -> None: ...
    def cut(self) -> None: ...
    def check(self) -> None: ...


@dataclass(frozen=True)
class Side:
    """One of the two systems. variant: "before" | "after"; alive raises where a service of it died."""

    variant: str
    load: Load
    counter: WindowCounter
    alive: Callable[[], object]


@dataclass
class Trial:
    """now: seconds, as the counters have them."""

    sides: tuple[Side, Side]
    users: int
    clock: Clock
    now: Callable[[], float]
    _window_s: float = WINDOW_S
    _settle_s: float = SETTLE_S

    def run(self, budget_s: float, seed: int = 0) -> list[Event]:
        """Windows as events "tried": up to ROUNDS rounds within the budget, never fewer than FEWEST_ROUNDS. Raises what
        the generators' `check` and `alive` raise."""
        chance = random.Random(seed)  # noqa: S311 - an order of windows, not a secret
        for each in self.sides:
            self._learn(self._loaded(each))
        began, found = self.now(), []
        for number in range(ROUNDS):
            if number >= FEWEST_ROUNDS and self.now() - began > budget_s * number / (number + 1):
                break
            for each in chance.sample(self.sides, 2):
                count = self._loaded(each)
                if count is not None:
                    found.append(_event(each.variant, number, count))
        return found

    def _learn(self, count: Count | None) -> None:
        """From the first window of each side, which warms it up: how long the others have to be."""
        if count is not None and count.completed:
            wanted = max(REQUESTS / count.rate, ROUND_TRIPS * count.response_s)
            self._window_s = min(LONGEST_S, max(self._window_s, wanted))
            self._settle_s = min(LONGEST_S / 2, max(self._settle_s, 2 * count.response_s))

    def _loaded(self, side: Side) -> Count | None:
        """One window of load on one side, and none on the other."""
        side.load.set_users(self.users)
        self.clock.sleep(self._settle_s)
        start = self._cut(side)
        self.clock.sleep(self._window_s)
        end = self._cut(side)
        side.load.set_users(0)
        self.clock.sleep(REST_S)
        deadline = self.now() + ANSWER_S
        while side.counter.until < end - 0.001 and self.now() < deadline:
            self.clock.sleep(0.02)
        for each in self.sides:
            each.load.check()
            each.alive()
        return side.counter.between(start, end)

    def _cut(self, side: Side) -> float:
        now = self.now()
        side.load.cut()
        return now


def _event(variant: str, number: int, count: Count) -> Event:
    return Event(
        count.start,
        "tried",
        data={
            "variant": variant,
            "round": number,
            "start": count.start,
            "end": count.end,
            "completed": count.completed,
            "failed": count.failed,
        },
    )
