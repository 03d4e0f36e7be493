"""The page: one self-contained file, no request to anywhere, every foreign name escaped."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadlab.report import words
from loadlab.report.json import rounded
from loadlab.report.markdown import allowed
from loadlab.report.view import View

HERE = Path(__file__).parent
BUNDLE = HERE / "_js" / "bundle.js"
STYLE = HERE / "_js" / "bundle.css"
ABSENT: dict[str, Any] = {"services": {}, "levels": [], "backends": [], "saturation": None, "profiles": {}}
"""What a run that was cut short has of each signal."""

BUILD = "this copy of loadlab was installed without its charts: reinstall it with npm or network access at build time"
FILTERS = (
    "milliseconds",
    "rate",
    "percent",
    "megabytes",
    "gain",
    "threshold",
    "duration",
    "moment",
    "sentence",
    "after",
    "when",
    "tried",
)


def render(view: View) -> str:
    """The page's text. Without the JavaScript bundle everything but the charts is there, and the page says why."""
    template = environment().get_template("report.html.j2")
    return template.render(
        view=view,
        d=view.diagnosis,
        first=view.diagnosis.bottleneck,
        signals={**ABSENT, **view.diagnosis.signals},
        data=_script_json({"charts": rounded(view.charts), "flames": view.flames}),
        bundle=_text(BUNDLE),
        bundle_style=_text(STYLE),
        build=BUILD,
    )


def _script_json(value: Any) -> Markup:
    """JSON for inside a script element: what could end the element, or a line, is written as an escape."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&'":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - nothing in it can leave the script element


def _text(path: Path) -> Markup:
    """Our own bundle, built from packages with known hashes."""
    return Markup(path.read_text(encoding="utf-8") if path.exists() else "")  # noqa: S704


@cache
def environment() -> Environment:
    """Where every page's templates are found and what they may use."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in FILTERS:
        made.filters[name] = getattr(words, name)
    made.filters["allowed"] = allowed
    made.globals.update(GRADES=words.GRADES, OUTCOMES=words.OUTCOMES, SIGNS=words.SIGNS, NAMES=words.NAMES)
    return made
