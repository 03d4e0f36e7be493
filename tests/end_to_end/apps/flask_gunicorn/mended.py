"""The same report of a log that does not change while it is served: its lines are taken apart once."""

from __future__ import annotations

from app import LOG, PAGE, app, count
from flask import render_template_string

ROWS = count(LOG).most_common(10)


def report() -> str:
    """The ten pages read most."""
    return render_template_string(PAGE, rows=ROWS)


app.view_functions["report"] = report
