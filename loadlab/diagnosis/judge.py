"""Recording in, Diagnosis out. The same bytes on every machine: nothing here asks a clock, a disk or the
environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from loadlab.catalogue import units
from loadlab.diagnosis.apply import Answer, apply
from loadlab.diagnosis.figures import figures
from loadlab.diagnosis.foresee import foresee, nearest
from loadlab.diagnosis.model import Capacity, Diagnosis, Finding, Next
from loadlab.diagnosis.outcome import what_was_tried
from loadlab.diagnosis.rank import Ranked, rank
from loadlab.diagnosis.whereabouts import whereabouts
from loadlab.recording.model import NATIVE, Event, Recording
from loadlab.rules import Clear, Unknown, cpu_neighbour
from loadlab.signals import Missing, Signals

T = TypeVar("T")


def diagnose(recording: Recording, signals: Signals | None = None) -> Diagnosis:
    """What limits the system, or that nothing does, or why that cannot be told. signals: those of this recording, where
    they are known already."""
    signals = signals or Signals(recording)
    try:
        _ = signals.window
    except Missing as missing:
        return Diagnosis("unknown", f"Cannot tell: {missing}.", None)
    answers = apply(signals, units("rules"))
    ranked = rank(answers, _or(lambda: signals.elasticity, {}))
    capacity = _capacity(signals)
    findings = tuple(_with_reason(each, recording) for each in ranked.findings)
    first, after = _first(ranked.outcome, findings, signals)
    return Diagnosis(
        outcome=ranked.outcome,
        sentence=_sentence(ranked, capacity, {each.name for each in signals.meta.services}),
        bottleneck=first,
        others=findings[1:],
        clear=tuple(each.kind for each in answers if isinstance(each.verdict, Clear) and each.kind != "none"),
        unknown=tuple((each.kind, each.verdict.why) for each in answers if isinstance(each.verdict, Unknown)),
        capacity=capacity,
        generator=_generator(signals),
        observer=_observer(signals),
        signals=figures(recording, signals),
        load=_load(signals),
        next_step=_next_step(ranked, answers, signals),
        next=after,
    )


def _first(outcome: str, findings: tuple[Finding, ...], signals: Signals) -> tuple[Finding | None, Next | None]:
    """The bottleneck, and what limits after it; where nothing limits, what will."""
    headroom = _or(lambda: signals.headroom, None)
    if not findings:
        return None, nearest(headroom) if outcome == "none" else None
    first, after = foresee(findings[0], units("rules"), headroom)
    tried = what_was_tried(first, signals.trial)
    return replace(first, remedy=replace(first.remedy, tried=tried)), after


def _or(get: Callable[[], T], default: T) -> T:
    try:
        return get()
    except Missing:
        return default


def _with_reason(finding: Finding, recording: Recording) -> Finding:
    """A finding for which stacks were wanted says why it names no line."""
    if finding.where is not None or finding.branch not in ("cpu", "code"):
        return finding
    reasons = [
        str(each.data.get("text", ""))
        for each in _of_the_same(finding, recording)
        if each.kind == "note" and each.data.get("subject") in ("stacks", NATIVE) and each.service == finding.service
    ]
    return replace(finding, no_line=reasons[0]) if reasons else finding


def _of_the_same(finding: Finding, recording: Recording) -> tuple[Event, ...]:
    """What was noted of its instance; of a service as a whole, nothing where another instance has shown its stacks."""
    shown = {each.instance for each in recording.stacks if each.service == finding.service}
    if finding.instance is None:
        return () if shown else recording.events
    return tuple(each for each in recording.events if each.instance == finding.instance)


def _sentence(ranked: Ranked, capacity: Capacity | None, services: set[str]) -> str:
    if ranked.outcome == "bottleneck":
        text = ranked.findings[0].sentence
    elif ranked.outcome == "none":
        text = ranked.why
    elif ranked.outcome == "generator":
        text = f"{ranked.why}; nothing else is claimed of this run"
    else:
        text = f"cannot tell: {ranked.why}"
    if ranked.outcome == "bottleneck" and capacity is not None and ranked.findings[0].branch == "cpu":
        text += f" (at {capacity.requests_per_s:.0f} requests/s)"
    # Only a sentence that begins with a word gets a capital: service names keep their spelling.
    named = ranked.outcome == "bottleneck" and text.split(" ", 1)[0].rstrip(",") in services
    return (text if named else text[0].upper() + text[1:]) + "."


def _capacity(s: Signals) -> Capacity | None:
    try:
        latency = s.latency
    except Missing:
        return None
    measurement = s.measurement.generator
    quantiles, uncorrected = latency.quantiles, latency.uncorrected
    # Where requests get ever dearer, the best rate was that of the beginning.
    best = _or(lambda: s.saturation.best.rps, latency.rps) if not s.growing else latency.rps
    return Capacity(
        requests_per_s=round(max(best, latency.rps), 1),
        users=round(measurement.users),
        p50_ms=quantiles.p50_ms if quantiles else None,
        p99_ms=quantiles.p99_ms if quantiles else None,
        error_rate=latency.error_rate,
        steady_rps=round(latency.rps, 1),
        p50_uncorrected_ms=uncorrected.p50_ms if uncorrected else None,
        p99_uncorrected_ms=uncorrected.p99_ms if uncorrected else None,
        answers=latency.count,
    )


def _load(s: Signals) -> dict[str, Any]:
    course = s.course
    return {"model": course.model, "shape": course.shape, "says": list(course.says), **course.facts}


def _generator(s: Signals) -> dict[str, Any]:
    health = s.measurement.generator
    return {
        "lateness_p99_ms": health.schedule_lag_p99_ms,
        "reader_lag_p99_ms": health.reader_lag_p99_ms,
        "cpu": round(health.cores, 3),
        "kernel_stamped": round(health.stamped, 4),
        "not_sent": health.not_sent,
    }


def _observer(s: Signals) -> dict[str, Any]:
    probes = s.measurement.probes
    return {
        "cpu": round(s.measurement.observer_cores, 3),
        "cost": round(s.measurement.observer_cores / max(1, int(s.meta.machine.get("cores") or 1)), 4),
        "probes": [
            {
                "name": each.name,
                "ticks": each.ticks,
                "failed": round(each.failed, 3),
                "late_p99_ms": round(each.late_p99_ms, 2),
                "cpu": round(each.cost, 4),
                "error": each.last_error,
            }
            for each in probes
        ],
    }


def _next_step(ranked: Ranked, answers: tuple[Answer, ...], signals: Signals) -> str:
    if ranked.findings:
        return ranked.findings[0].remedy.text
    if _or(lambda: signals.latency, None) is None:
        return "Ask once by hand, as nothing was answered; the logs of the generator and of each service tell more."
    names = {"none": "none", "generator": "generator_saturated"}
    for answer in answers:
        faults = getattr(answer.verdict, "faults", ())
        if faults and (
            answer.kind == names.get(ranked.outcome)
            or (ranked.outcome == "unknown" and answer.rule.BRANCH == "measurement")
        ):
            return str(faults[0].remedy)
    strangers = _or(lambda: signals.host.others / signals.host.cores, 0.0)
    if strangers >= cpu_neighbour.TAKEN:
        return f"Processes outside of the system used {100 * strangers:.0f}% of the machine: run again without them."
    more = "run longer, or watch more of the system; the report lists what could not be judged and why."
    where = whereabouts(signals)
    return f"{where} Then {more}" if where else more[0].upper() + more[1:]
