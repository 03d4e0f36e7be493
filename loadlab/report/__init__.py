"""10a WHAT PEOPLE READ. One view, several renderers. Pure: (Recording, Diagnosis) in, text out."""

from __future__ import annotations

from loadlab.diagnosis.model import Diagnosis
from loadlab.recording.model import Recording
from loadlab.report.html import render as _render_html
from loadlab.report.json import render as _render_json
from loadlab.report.markdown import render as _render_markdown
from loadlab.report.view import build as _build


def verdict_json(diagnosis: Diagnosis) -> str:
    """verdict.json: the same bytes for the same recording, everywhere."""
    return _render_json(diagnosis)


def summary(recording: Recording, diagnosis: Diagnosis) -> str:
    """summary.md, for a pull request."""
    return _render_markdown(recording, diagnosis)


def html(recording: Recording, diagnosis: Diagnosis) -> str:
    """report.html: one self-contained page."""
    return _render_html(_build(recording, diagnosis))
