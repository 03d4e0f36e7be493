"""The scoreboard as one page that needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.report import scoreboard
from loadlab.report.html import environment
from loadlab.scoreboard.binding import Binding
from loadlab.scoreboard.score import Score


def render(score: Score, bindings: Sequence[Binding]) -> str:
    """The page's text."""
    return (
        environment()
        .get_template("scoreboard.html.j2")
        .render(
            score=score,
            bindings=bindings,
            machines=scoreboard.machines(score.results),
            rows=scoreboard.rows(score),
            text_of=scoreboard.text_of,
            said_of=scoreboard.said_of,
        )
    )
