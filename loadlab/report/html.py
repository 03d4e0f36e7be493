"""The page: one self-contained file, no request to anywhere, every foreign name escaped."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadlab.report import words
from loadlab.report.json import finding as finding_json
from loadlab.report.json import rounded
from loadlab.report.markdown import allowed
from loadlab.report.view import View

HERE = Path(__file__).parent
BUNDLE = HERE / "_js" / "bundle.js"
STYLE = HERE / "_js" / "bundle.css"
ABSENT: dict[str, Any] = {"services": {}, "elasticity": {}, "backends": [], "saturation": None}
"""What a run that was cut short has of each signal."""

BUILD = "this copy of loadlab was installed without its charts: reinstall it with npm or network access at build time"


def render(view: View) -> str:
    """The page's text. Without the JavaScript bundle everything but the charts is there, and the page says why."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        view=view,
        d=view.diagnosis,
        first=finding_json(view.diagnosis.bottleneck) if view.diagnosis.bottleneck else None,
        data=_script_json({"charts": view.charts, "flames": view.flames}),
        bundle=_text(BUNDLE),
        bundle_style=_text(STYLE),
        build=BUILD,
        signals={**ABSENT, **view.diagnosis.signals},
    )


def _script_json(value: Any) -> Markup:
    """JSON for inside a script element: what could end the element, or a line, is written as an escape."""
    text = json.dumps(rounded(value), ensure_ascii=True, separators=(",", ":"))
    for character in "<>&'":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - nothing in it can leave the script element


def _text(path: Path) -> Markup:
    """Our own bundle, built from packages with known hashes."""
    return Markup(path.read_text(encoding="utf-8") if path.exists() else "")  # noqa: S704


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("milliseconds", "rate", "percent", "megabytes", "gain", "threshold"):
        made.filters[name] = getattr(words, name)
    made.filters["allowed"] = allowed
    made.globals["GRADES"] = words.GRADES
    made.globals["OUTCOMES"] = words.OUTCOMES
    return made
