"""The one value every part of the page is made from: plain numbers and texts, nothing that has to be looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loadlab.catalogue import sections, units
from loadlab.diagnosis.model import Diagnosis, Finding
from loadlab.diagnosis.tree import ROOT, TREE
from loadlab.recording.model import Meta, Recording
from loadlab.report import charts, drawing, flames


@dataclass(frozen=True)
class View:
    """What the template sees."""

    meta: Meta
    diagnosis: Diagnosis
    explain: dict[str, str]
    """What / Why / Fix of the bottleneck's kind."""
    drawing: drawing.Drawing
    charts: dict[str, Any]
    """JSON-ready: see charts.py."""
    flames: dict[str, Any]
    """JSON-ready: see flames.py."""
    tree: list[dict[str, Any]]
    root: str
    errors: list[dict[str, Any]]
    notes: list[str]
    logs: list[str]
    cleared: list[tuple[str, str]]


def build(recording: Recording, diagnosis: Diagnosis) -> View:
    """Everything the page shows."""
    first = diagnosis.bottleneck
    return View(
        meta=recording.meta,
        diagnosis=diagnosis,
        explain=_explain(first),
        drawing=drawing.draw(recording.meta, diagnosis),
        charts=charts.data(recording, diagnosis),
        flames=flames.data(recording, first),
        tree=_tree(first),
        root=ROOT,
        errors=[
            {
                "endpoint": e.endpoint,
                "error": e.error,
                "count": e.count,
                "first": e.first,
                "last": e.last,
                "sample": e.sample,
            }
            for e in sorted(recording.errors, key=lambda e: -e.count)[:50]
        ],
        notes=[str(e.data["text"]) for e in recording.events if e.kind == "note" and e.data.get("text")],
        logs=sorted({f"logs/{s.name}-{i}.log" for s in recording.meta.services for i in range(s.instances)}),
        cleared=[(kind, _title(kind)) for kind in diagnosis.clear],
    )


def _explain(finding: Finding | None) -> dict[str, str]:
    rules = units("rules")
    return dict(sections(rules[finding.kind])) if finding is not None and finding.kind in rules else {}


def _title(kind: str) -> str:
    rules = units("rules")
    return sections(rules[kind])["Title"] if kind in rules else kind


def _tree(finding: Finding | None) -> list[dict[str, Any]]:
    taken = finding.branch if finding is not None else ""
    step = finding.remedy.step if finding is not None else ""
    return [
        {
            "name": each.name,
            "question": each.question,
            "advice": each.advice,
            "lit": each.name == taken,
            "steps": [
                {"name": name.replace("_", " "), "lit": each.name == taken and name == step} for name in each.steps
            ],
        }
        for each in TREE
    ]
