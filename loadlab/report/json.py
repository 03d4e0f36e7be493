"""verdict.json, as docs/formats.md has it. Numbers are rounded to what they are known to; keys keep their order."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np

from loadlab.diagnosis.model import Diagnosis, Finding

FORMAT = 1


def render(diagnosis: Diagnosis) -> str:
    """The file's text."""
    return json.dumps(document(diagnosis), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The file as a value."""
    found: dict[str, Any] = {
        "format": FORMAT,
        "outcome": diagnosis.outcome,
        "sentence": diagnosis.sentence,
        "bottleneck": finding(diagnosis.bottleneck) if diagnosis.bottleneck else None,
        "next": asdict(diagnosis.next) if diagnosis.next else None,
        "others": [finding(each) for each in diagnosis.others],
        "clear": list(diagnosis.clear),
        "unknown": [{"kind": kind, "why": why} for kind, why in diagnosis.unknown],
        "capacity": asdict(diagnosis.capacity) if diagnosis.capacity else None,
        "load": dict(diagnosis.load),
        "generator": dict(diagnosis.generator),
        "observer": dict(diagnosis.observer),
        "limits": [asdict(each) for each in diagnosis.limits],
        "next_step": diagnosis.next_step,
        "signals": dict(diagnosis.signals),
    }
    rounded_: dict[str, Any] = rounded(found)
    return rounded_


def finding(each: Finding) -> dict[str, Any]:
    """One finding. What is not known is left out, so that a key that is there holds something."""
    found: dict[str, Any] = {"kind": each.kind, "branch": each.branch, "service": each.service}
    if each.along:
        found["along"] = list(each.along)
    for name in ("instance", "pid"):
        value = getattr(each, name)
        if value is not None:
            found[name] = value
    if each.where is not None:
        found["where"] = {key: value for key, value in asdict(each.where).items() if value is not None}
    if each.no_line:
        found["no_line"] = each.no_line
    found["grade"] = each.grade
    found["sentence"] = each.sentence
    if each.proof is not None:
        found["proof"] = asdict(each.proof)
    found["evidence"] = [
        {key: value for key, value in asdict(fact).items() if value is not None} for fact in each.evidence
    ]
    found["remedy"] = _known(asdict(each.remedy))
    if each.remedy.tried is not None:
        found["remedy"]["tried"] = _known(asdict(each.remedy.tried))
    return found


def _known(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value is not None and value != ""}


def rounded(value: Any) -> Any:
    """Floats to six significant digits: beyond that they are noise, and differ from machine to machine."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        # 0.0 is added for the sake of -0.0, which would be written with its sign.
        return float(f"{value:.6g}") + 0.0 if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
