"""The proof: each candidate is slowed a little, and throughput tells whether it is the limit.

A bottleneck is the place where less capacity means less throughput, by the same share. Each candidate (a service with
all its processes, or the load generator) is stopped for a share of the time, in windows of random order with
undisturbed ones between; what was completed in each window goes into the recording as an event "slowed".
signals/elasticity.py judges.

Nothing may stay stopped: stops last 5 ms, are made by a child that continues all when this process is gone, and again
here in `finally`; the guardian does the same should both be killed. Signals go through pidfds only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from loadlab.clock import Clock
from loadlab.experiments.counting import Count, WindowCounter
from loadlab.experiments.held import Held
from loadlab.experiments.pulse import BeatProcess, Pulse, PulseError, Spans, stood
from loadlab.recording.writer import Recorder

SHARE = 0.25
"""Of the time a candidate is stopped: large against the noise of a window (a few percent), small enough that no client
times out and no other part becomes the limit instead."""

SETTLE_S = 0.12
"""Cut from the start of each window: queues need a few round trips to fill or drain. More where a round trip is
longer."""

WINDOW_S = 0.5
LONGEST_S = 2.0
REQUESTS = 50
"""A window should hold this many: the counting error of 50 in a closed system is below a third of the loss looked
for."""
ROUND_TRIPS = 5
"""And be this many round trips long, else where it starts matters more than what happens in it."""

MIN_ROUNDS = 4
OVERRUN = 1.5
"""With many candidates the budget may be overrun up to this factor for MIN_ROUNDS."""

ONE_BETWEEN = 3
"""Up to this many candidates each slowed window has undisturbed ones on both sides; above, one side must do."""

ANSWER_S = 1.5
"""How long after a window its intervals may arrive: they are never late by more than a second."""


class Guardian(Protocol):
    """What this needs of services._guardian.Guardian."""

    @property
    def alive(self) -> bool:
        """Whether it would continue everything if this process were killed now."""
        ...

    def candidate(self, pid: int) -> None:
        """From now on continue this process should loadlab end in any way."""
        ...


class Cutter(Protocol):
    """What this needs of a load.Generator."""

    def cut(self) -> None:
        """End the running interval now."""
        ...


@dataclass(frozen=True)
class Candidate:
    """Something to slow: `pids` gives all its processes as they are now, children included."""

    name: str
    pids: Callable[[], Sequence[int]]
    attached: bool = False
    """Somebody else's: slowed only where the user said so."""


def run(
    candidates: Sequence[Candidate],
    generator: Cutter,
    recorder: Recorder,
    clock: Clock,
    budget_s: float,
    guardian: Guardian,
    *,
    share: float = SHARE,
    seed: int = 0,
    slow_attached: bool = False,
    pulse: Pulse | None = None,
) -> None:
    """Slow each candidate in turn for about `budget_s` seconds and record each window as an event "slowed".

    At a level of constant load, at saturation. Makes no experiment, and says why in an event "note", without a
    guardian or without anything to slow. Whatever happens, every process runs again when this returns.
    """
    usable = [each for each in candidates if slow_attached or not each.attached]
    if not guardian.alive:
        recorder.event("note", text="no slow-down experiment: the guardian that would undo it is not running")
        return
    if not usable:
        recorder.event("note", text="no slow-down experiment: there is nothing that may be slowed")
        return
    with ExitStack() as stack:
        held = Held(guardian.candidate, {getattr(guardian, "pid", 0)})
        # First in, last out: after the child that stops and continues has ended, whichever way.
        stack.callback(held.release)
        if pulse is None:
            pulse = stack.enter_context(BeatProcess())
        counter = stack.enter_context(recorder.heard_by(WindowCounter()))
        experiment = _Experiment(usable, generator, recorder, clock, guardian, pulse, counter, held, share)
        try:
            experiment.go(budget_s, random.Random(seed))  # noqa: S311 - an order of windows, not a secret
        except PulseError as error:
            recorder.event("note", text=f"the slow-down experiment was broken off: {error}")


def order(names: Sequence[str], chance: random.Random) -> list[str]:
    """One round: every name once, in random order, undisturbed windows ("") between; starts with one."""
    shuffled = list(names)
    chance.shuffle(shuffled)
    apart = 1 if len(names) <= ONE_BETWEEN else 2
    found: list[str] = []
    for at, name in enumerate(shuffled):
        found += [""] if at % apart == 0 else []
        found.append(name)
    return found


def window_s(count: Count | None, windows: int, budget_s: float, settle_s: float) -> float:
    """How long a window has to be, from what was seen undisturbed, so that MIN_ROUNDS of `windows` fit the budget."""
    if count is None or not count.completed:
        return WINDOW_S
    wanted = max(WINDOW_S, REQUESTS / count.rate, ROUND_TRIPS * count.response_s)
    fits = budget_s / (MIN_ROUNDS * windows) - settle_s
    return max(WINDOW_S, min(wanted, fits, LONGEST_S))


@dataclass
class _Window:
    """A window that was made, and may still wait for its intervals."""

    name: str
    start: float
    end: float
    spans: Spans


class _Experiment:
    def __init__(
        self,
        candidates: Sequence[Candidate],
        generator: Cutter,
        recorder: Recorder,
        clock: Clock,
        guardian: Guardian,
        pulse: Pulse,
        counter: WindowCounter,
        held: Held,
        share: float,
    ) -> None:
        self._by_name = {each.name: each for each in candidates}
        self._generator = generator
        self._recorder = recorder
        self._clock = clock
        self._guardian = guardian
        self._pulse = pulse
        self._counter = counter
        self._share = share
        self._held = held
        self._waiting: list[_Window] = []
        self._settle_s = SETTLE_S
        self._window_s = WINDOW_S

    def go(self, budget_s: float, chance: random.Random) -> None:
        """As many whole rounds as the budget allows."""
        began = self._clock.monotonic()
        self._learn(budget_s)
        rounds = 0
        while True:
            windows = order(tuple(self._by_name), chance)
            over = self._clock.monotonic() - began + (len(windows) + 1) * (self._settle_s + self._window_s)
            if over > (budget_s if rounds >= MIN_ROUNDS else budget_s * OVERRUN) and rounds:
                break
            for name in windows:
                self._window(name)
            rounds += 1
        self._window("")
        self._finish()

    def _learn(self, budget_s: float) -> None:
        """One undisturbed window, to see how long the others have to be."""
        start = self._cut_after(self._settle_s)
        end = self._cut_after(WINDOW_S)
        self._wait_until(end)
        count = self._counter.between(start, end)
        if count is not None and count.completed:
            self._settle_s = max(SETTLE_S, min(count.response_s, LONGEST_S / 2))
        windows = len(order(tuple(self._by_name), random.Random(0)))  # noqa: S311 - only its length
        self._window_s = window_s(count, windows, budget_s, self._settle_s)

    def _window(self, name: str) -> None:
        spans: Spans = []
        with self._stopping(name, spans) as slowed:
            if name and not slowed:
                return
            start = self._cut_after(self._settle_s)
            end = self._cut_after(self._window_s)
        self._waiting.append(_Window(name, start, end, spans))
        self._settle()

    @contextmanager
    def _stopping(self, name: str, spans: Spans) -> Iterator[bool]:
        """Slow a candidate in the body; yields whether there was anything to slow. `spans` is filled at the end."""
        pidfds = self._held.hold(self._by_name[name].pids) if name else []
        if not pidfds:
            yield False
            return
        if not self._guardian.alive:
            raise PulseError("the guardian that would undo it has died")
        self._pulse.start(pidfds, self._share)
        yield True
        spans += self._pulse.stop()

    def _cut_after(self, seconds: float) -> float:
        """Wait, cut the generator's interval; when that was, in the recorder's seconds."""
        self._clock.sleep(seconds)
        # Before, not after: the interval then never ends earlier than the moment that is waited for.
        now = self._recorder.now()
        self._generator.cut()
        return now

    def _settle(self) -> None:
        """Record the windows whose intervals have arrived. One that the intervals do not fit is left out."""
        ready = [each for each in self._waiting if self._counter.until >= each.end - 0.001 or self._late(each)]
        for each in ready:
            self._waiting.remove(each)
            count = self._counter.between(each.start, each.end)
            if count is not None:
                self._record(each, count)

    def _late(self, window: _Window) -> bool:
        return self._recorder.now() - window.end > ANSWER_S

    def _record(self, window: _Window, count: Count) -> None:
        t0 = self._recorder.t0
        self._recorder.event(
            "slowed",
            service=window.name,
            t=count.start,
            candidate=window.name,
            start=count.start,
            end=count.end,
            share=stood(window.spans, t0 + count.start, t0 + count.end),
            completed=count.completed,
        )

    def _wait_until(self, t: float) -> None:
        """Until the intervals up to t have arrived, or should have."""
        deadline = self._recorder.now() + ANSWER_S
        while self._counter.until < t - 0.001 and self._recorder.now() < deadline:
            self._clock.sleep(0.02)

    def _finish(self) -> None:
        if self._waiting:
            self._wait_until(self._waiting[-1].end)
        self._settle()
