"""How the load went: what the search found, what broke and where, how a spike was borne, what time changed. In words
and in numbers; what a run of that shape was made to learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadlab.recording.model import Level, Recording
from loadlab.signals import asked
from loadlab.signals.latency import counts
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window, measured

CALM = 1.5
"""After a spike latency is back where its p95 is under this factor of what it was before, or within 5 ms of it: windows
of a second differ by as much without any spike."""
CALM_MS = 5.0
SOAK_PARTS = 4


@dataclass(frozen=True)
class Course:
    """says: sentences, the one that the shape was made for first. facts: the same as numbers, JSON-ready."""

    shape: str
    model: str
    says: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A stretch: answered and failed per second, p50, p95 and p99 of what succeeded."""

    rps: float
    error_rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def compute(recording: Recording) -> Course:
    """Never Missing: a run without any of it says nothing."""
    profile = recording.meta.profile
    shape, model = str(profile.get("shape") or ""), str(profile.get("model") or "closed")
    tellers = {"spike": _spike, "soak": _soak, "replay": _replay, "breakpoint": _broke}
    tell: Callable[[Recording], tuple[list[str], dict[str, Any]]] = tellers.get(shape, _knee)
    says, facts = tell(recording)
    more, counted = _arrivals(recording)
    return Course(shape, model, (*says, *more), {**facts, **counted})


def part(recording: Recording, start: float, end: float) -> Part:
    """What a stretch was like."""
    good, bad, seconds = counts(recording, Window(start, end))
    found = recording.quantiles(start, end, result="ok")
    rate = good / seconds if seconds > 0 else 0.0
    share = bad / (good + bad) if good + bad else 0.0
    if found is None:
        return Part(rate, share, None, None, None)
    return Part(rate, share, found.p50_ms, found.p95_ms, found.p99_ms)


def held(recording: Recording) -> Level | None:
    """Of a breakpoint, the last level at which all held; None of any other shape, and where none did."""
    data = _event(recording, "broke")
    level = data.get("held")
    if level is None:
        return None
    size = "rate" if data.get("model") == "open" else "users"
    return next(
        (each for each in recording.levels if each.phase == "breakpoint" and getattr(each, size) == level), None
    )


def _event(recording: Recording, kind: str) -> Mapping[str, Any]:
    return next((each.data for each in reversed(recording.events) if each.kind == kind), {})


def _knee(recording: Recording) -> tuple[list[str], dict[str, Any]]:
    data = _event(recording, "knee")
    if not data:
        return [], {}
    if not data.get("best_rps"):
        return [], {}
    if not data.get("flat"):
        text = f"throughput still rose when the search ended, at {data.get('best_rps', 0):.0f} requests/s"
    else:
        low, high = round(data["low"]), round(data["high"])
        between = f" ({low} to {high})" if low < high else ""
        text = (
            f"the knee lies at {_users(data['at'])}{between}, "
            f"{100 * data['confidence']:.0f}% sure; measured with {_users(data['users'])}"
        )
    return [text], {"knee": dict(data)}


def _users(number: float) -> str:
    return f"{number:.0f} {'user' if round(number) == 1 else 'users'}"


def _level(number: float, model: str) -> str:
    return f"{number:.4g} arrivals/s" if model == "open" else _users(number)


def _broke(recording: Recording) -> tuple[list[str], dict[str, Any]]:
    data = _event(recording, "broke")
    if not data:
        return [], {}
    model = str(data.get("model"))
    if data.get("limit") is None:
        text = f"nothing broke up to {_level(data['level'], model)}"
    else:
        text = f"broke at {_level(data['level'], model)}: {_why(data)}"
    if data.get("held") is not None and data.get("limit") is not None:
        text += f"; all held at {_level(data['held'], model)}, with {data['held_rps']:.0f} requests/s"
    return [text], {"broke": dict(data)}


def _why(data: Mapping[str, Any]) -> str:
    limit, value, allowed = str(data["limit"]), float(data["value"]), float(data["allowed"])
    if limit == "generator":
        return (
            f"the load generator could send only {value:.0f} of {allowed:.0f}/s: nothing is known of the system there"
        )
    if limit == "throughput" and data.get("model") == "open":
        return f"only {value:.0f} of {allowed:.0f} requests/s were answered"
    if limit == "throughput":
        return f"more users brought no more throughput ({value:.0f} requests/s)"
    where = f"{data['endpoint']}: " if data.get("endpoint") else ""
    if limit == "error_rate":
        return f"{where}{100 * value:.2g}% of the requests failed, over {100 * allowed:.2g}%"
    return f"{where}{limit.removesuffix('_ms')} {value:.4g} ms, over the limit of {allowed:.4g} ms"


def _spike(recording: Recording) -> tuple[list[str], dict[str, Any]]:
    phases = {name: recording.phase(name) for name in ("before", "steady", "after")}
    known = {name: each for name, each in phases.items() if each is not None}
    if len(known) < 3:
        return [], {}
    parts = {name: part(recording, each.start, each.end) for name, each in known.items()}
    again = _calm_again(recording, parts["before"], known["after"].start, known["after"].end)
    figures = ", ".join(f"{_ms(parts[name].p95_ms)} {said}" for name, said in NAMES.items())
    failed = f"; {100 * parts['steady'].error_rate:.2g}% failed in it" if parts["steady"].error_rate else ""
    if again is None:
        ending = f"not back within the {known['after'].end - known['after'].start:.0f} s after it"
    else:
        ending = f"back {again:.0f} s after it" if again >= 1 else "back at once"
    facts = {name: vars(each) for name, each in parts.items()}
    return [f"p95 {figures}{failed}; {ending}"], {"spike": {**facts, "recovered_s": again}}


NAMES = {"before": "before the spike", "steady": "in it", "after": "after it"}


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _calm_again(recording: Recording, before: Part, start: float, end: float) -> float | None:
    """Seconds after the spike from which on every second is as it was; None where the last one still is not."""
    if before.p95_ms is None:
        return None
    calm = max(CALM * before.p95_ms, before.p95_ms + CALM_MS)
    seconds = sorted({(each.start, each.end) for each in recording.requests if start <= each.start and each.end <= end})
    last = start
    for first, second in seconds:
        found = part(recording, first, second)
        if found.error_rate > before.error_rate + 0.01 or (found.p95_ms is not None and found.p95_ms > calm):
            last = second
    return None if seconds and last >= seconds[-1][1] else last - start


def _soak(recording: Recording) -> tuple[list[str], dict[str, Any]]:
    """The first quarter of the measured window against the last."""
    try:
        window = measured(recording)
    except Missing:
        return [], {}
    length = window.length / SOAK_PARTS
    first = part(recording, window.start, window.start + length)
    last = part(recording, window.end - length, window.end)
    text = (
        f"from its first quarter to its last, {first.rps:.0f} became {last.rps:.0f} requests/s, "
        f"p95 {_ms(first.p95_ms)} became {_ms(last.p95_ms)}"
    )
    return [text], {"soak": {"first": vars(first), "last": vars(last)}}


def _replay(recording: Recording) -> tuple[list[str], dict[str, Any]]:
    data = _event(recording, "replay")
    if not data:
        return [], {}
    speed = "" if data.get("speed") == 1 else f" at {data.get('speed'):g} times its speed"
    text = f"{data['sent']} requests of the log{speed}, over {data['seconds']:.0f} s"
    left = (
        (data.get("left"), "came later than the run lasts"),
        (data.get("skipped"), "have methods that are not sent"),
        (data.get("unread"), "lines are no requests"),
    )
    parts = [f"{count} {said}" for count, said in left if count]
    return [text + (f"; {', '.join(parts)}" if parts else "")], {"replay": dict(data)}


def _arrivals(recording: Recording) -> tuple[list[str], dict[str, Any]]:
    """Of the open model: asked for, due, left at their moment."""
    try:
        window = measured(recording)
    except Missing:
        return [], {}
    wanted = asked.rate(recording, window)
    if wanted is None:
        return [], {}
    due, held_back = (_counter(recording, name, window) for name in ("due", "not_sent"))
    never = sum(float(each.v[-1]) for each in recording.series("generator.waiting") if len(each.v))
    facts = {"asked_per_s": wanted, "due": round(due), "not_sent": round(held_back), "never_sent": round(never)}
    if not held_back:
        return [], facts
    text = f"max_in_flight held back {held_back:.0f} of {due:.0f} requests; their wait is in their latency"
    return [text + (f", but for {never:.0f} that never left" if never else "")], facts


def _counter(recording: Recording, name: str, window: Window) -> float:
    return sum(increase(each, window) for each in recording.series(f"generator.{name}"))
