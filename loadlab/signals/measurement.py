"""The instrument's own account: did the generator keep up, could the probes see, what did observing cost?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Recording, Ticks
from loadlab.signals import asked, cpu, flying, threads
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, mean
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class ProbeHealth:
    """One probe in the measured window. cost: cores; failed: share of ticks that raised."""

    name: str
    ticks: int
    failed: float
    late_p99_ms: float
    cost: float
    last_error: str


@dataclass(frozen=True)
class GeneratorHealth:
    """The load generator. cores and run_delay of the busiest of its `processes`; lags in milliseconds, p99, that of
    reading None where the kernel timed no arrival; stamped: share of answers whose arrival it timed; busy: share of
    time its loop did not wait; portless, fileless: share of all requests that it could not send for want of a local
    port, of an open file, over the run."""

    cores: float
    run_delay: float
    schedule_lag_p99_ms: float | None
    reader_lag_p99_ms: float | None
    stamped: float
    sent: float
    not_sent: float
    """Due, and not sent at their moment: max_in_flight were under way. They left later, or never."""
    users: float
    in_flight: float
    due: float | None
    """Arrivals of the open model whose moment came; None where they were not counted."""
    asked: float | None
    """Arrivals per second that were asked for; None in the closed model."""
    busy: float | None
    portless: float = 0.0
    fileless: float = 0.0
    processes: int = 1


@dataclass(frozen=True)
class Measurement:
    """Both."""

    probes: tuple[ProbeHealth, ...]
    generator: GeneratorHealth
    observer_cores: float
    seconds: float


def compute(recording: Recording) -> Measurement:
    """Raises Missing only where the run has no measured window at all."""
    window = measured(recording)
    probes = tuple(_probe(name, each, window) for name, each in sorted(recording.ticks.items()))
    try:
        used = cpu.compute(recording)
    except Missing:
        used = cpu.Cpu(window)
    return Measurement(probes, _generator(recording, window, used), used.observer_cores, window.length)


def _probe(name: str, ticks: Ticks, window: Window) -> ProbeHealth:
    inside = (ticks.t >= window.start) & (ticks.t <= window.end)
    errors = [text for t, text in ticks.errors if window.start <= t <= window.end]
    count = int(inside.sum())
    late = ticks.late_ms[inside]
    return ProbeHealth(
        name,
        count,
        len(errors) / count if count else (1.0 if errors else 0.0),
        float(np.percentile(late, 99)) if count else 0.0,
        float(ticks.cost_ms[inside].sum()) / 1000 / window.length if window.length else 0.0,
        errors[-1] if errors else "",
    )


def _busiest(recording: Recording, window: Window, used: cpu.Cpu) -> tuple[float, float]:
    """Cores and run delay: as seen from outside, and, of processes on other hosts, as they say themselves."""
    seen = [(each.cores, each.run_delay) for each in used.generator[:1]]
    said = (_gauge(recording, "busiest_cores", window), _gauge(recording, "busiest_delay", window))
    return max([*seen, said], key=sum)


def _generator(recording: Recording, window: Window, used: cpu.Cpu) -> GeneratorHealth:
    schedule = recording.quantiles(window.start, window.end, what="schedule_lag")
    reader = recording.quantiles(window.start, window.end, what="reader_lag")
    answered = _counter(recording, "succeeded", window) + _counter(recording, "failed", window)
    stamped = _counter(recording, "kernel_stamped", window) / answered if answered else 0.0
    cores, run_delay = _busiest(recording, window, used)
    return GeneratorHealth(
        cores=cores,
        run_delay=run_delay,
        schedule_lag_p99_ms=schedule.p99_ms if schedule else None,
        reader_lag_p99_ms=reader.p99_ms if reader and stamped else None,
        stamped=stamped,
        sent=_counter(recording, "sent", window),
        not_sent=_counter(recording, "not_sent", window),
        users=_gauge(recording, "users", window),
        in_flight=flying.in_flight(recording, window),
        due=_counter(recording, "due", window) if recording.series("generator.due") else None,
        asked=asked.rate(recording, window),
        busy=_busy(recording),
        portless=_lacking(recording, "NoLocalPort"),
        fileless=_lacking(recording, "TooManyOpenFiles"),
        processes=max(1, len(used.generator)),
    )


def _lacking(recording: Recording, error: str) -> float:
    total = sum(each.count for each in recording.requests)
    lacked = sum(each.count for each in recording.errors if each.error.startswith(error))
    return lacked / total if total else 0.0


def _busy(recording: Recording) -> float | None:
    try:
        loops = threads.compute(recording).serving("generator")
    except Missing:
        return None
    return max((each.busy for each in loops), default=None)


def _counter(recording: Recording, name: str, window: Window) -> float:
    return sum(increase(each, window) for each in recording.series(f"generator.{name}"))


def _gauge(recording: Recording, name: str, window: Window) -> float:
    return sum(mean(each, window) or 0.0 for each in recording.series(f"generator.{name}"))
