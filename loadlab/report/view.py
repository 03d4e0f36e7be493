"""The one value the page is made from: plain numbers and texts, nothing that has to be looked up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadlab.catalogue import sections, units
from loadlab.diagnosis.model import Diagnosis, Finding
from loadlab.recording.model import ErrorKind, Meta, Recording
from loadlab.report import charts, decision, drawing, flames, health, incidents, proof, waiting
from loadlab.report.words import sentence
from loadlab.signals import languages

MOST_ERRORS = 50


@dataclass(frozen=True)
class View:
    """What the template sees. absent: for each part that is missing, why."""

    meta: Meta
    diagnosis: Diagnosis
    seconds: float
    explain: dict[str, str]
    """What / Why / Fix of the bottleneck's kind."""
    system: drawing.System
    waiting: waiting.Graph
    charts: dict[str, Any]
    """JSON-ready: see charts.py."""
    flames: list[dict[str, Any]]
    """JSON-ready: see flames.py."""
    proof: tuple[proof.Row, ...]
    proof_axis: tuple[float, float]
    """Where 0 and 1 lie on the axis of elasticities, in per cent."""
    tree: decision.Tree
    health: tuple[health.Check, ...]
    errors: tuple[ErrorKind, ...]
    further_errors: int
    exits: tuple[incidents.Exit, ...]
    further_exits: int
    scalings: tuple[incidents.Scaling, ...]
    further_scalings: int
    notes: tuple[str, ...]
    logs: tuple[str, ...]
    cleared: tuple[tuple[str, str], ...]
    unknown: tuple[tuple[str, str, str], ...]
    profile: str
    spec: str
    absent: dict[str, str]


def build(recording: Recording, diagnosis: Diagnosis) -> View:
    """Everything the page shows."""
    errors = sorted(recording.errors, key=lambda each: (-each.count, each.endpoint, each.error))
    return View(
        meta=recording.meta,
        diagnosis=diagnosis,
        seconds=recording.end,
        explain=_explain(diagnosis.bottleneck, languages.compute(recording)),
        system=drawing.draw(recording.meta, diagnosis),
        waiting=waiting.graph(diagnosis.signals),
        charts=charts.data(recording, diagnosis),
        flames=flames.data(recording, diagnosis.bottleneck),
        proof=proof.rows(diagnosis),
        proof_axis=(proof.at(0.0), proof.at(1.0)),
        tree=decision.tree(diagnosis),
        health=health.checks(diagnosis),
        errors=tuple(errors[:MOST_ERRORS]),
        further_errors=max(0, len(errors) - MOST_ERRORS),
        exits=incidents.exits(recording),
        further_exits=incidents.further_exits(recording),
        scalings=incidents.scalings(recording),
        further_scalings=incidents.further_scalings(recording),
        notes=incidents.notes(recording),
        logs=_logs(recording),
        cleared=tuple((kind, _title(kind)) for kind in diagnosis.clear),
        unknown=tuple((kind, _title(kind), why) for kind, why in diagnosis.unknown),
        profile=_pretty(recording.meta.profile),
        spec=_pretty(recording.meta.spec),
        absent={"stacks": incidents.why_no_stacks(recording), "proof": incidents.why_no_proof(recording)},
    )


def _explain(finding: Finding | None, languages: Mapping[str, str]) -> dict[str, str]:
    """Without the fix in a language that the service is known not to be written in."""
    rules = units("rules")
    if finding is None or finding.kind not in rules:
        return {}
    parts = sections(rules[finding.kind])
    names = {"What": "What", "Why": "Why", "Not": "Not", "Fix": "Fix", "Python": "In Python", "Node": "In Node"}
    language = languages.get(finding.service, "")
    others = {"Python", "Node"} - {language} if language else set()
    return {shown: sentence(parts[name]) for name, shown in names.items() if name in parts and name not in others}


def _title(kind: str) -> str:
    rules = units("rules")
    return sections(rules[kind])["Title"] if kind in rules else kind


def _pretty(value: Mapping[str, Any]) -> str:
    """As JSON, without what was not set."""
    return json.dumps(_set(value), indent=2, ensure_ascii=False, default=str) if value else ""


def _set(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _set(each) for key, each in value.items() if each not in (None, {}, [], "")}
    return [_set(each) for each in value] if isinstance(value, list | tuple) else value


def _logs(recording: Recording) -> tuple[str, ...]:
    """Beside the page: one of each instance that was started, and the load generator's."""
    started = {(each.service, each.instance) for each in recording.events if each.kind == "started"}
    mine = {
        f"logs/{each.name}-{index}.log"
        for each in recording.meta.services
        for index in range(each.instances)
        if not each.autoscale or (each.name, index) in started
    }
    return (*sorted(mine), "logs/generator-0.log")
