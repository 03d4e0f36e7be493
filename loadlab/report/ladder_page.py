"""The comparison as one page, self-contained like a run's report; its picture is drawn here, it needs no script."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from loadlab.report.html import environment
from loadlab.report.ladder import CALM, WORTH, Ladder, Rung

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 10, 34
COLOURS = 8
"""As many as the page's style has; more rungs begin again."""


@dataclass(frozen=True)
class Curve:
    """Throughput against users of one rung. Pixels."""

    name: str
    colour: int
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """For an SVG polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Tick:
    """A number on an axis, and where."""

    at: float
    text: str


@dataclass(frozen=True)
class Picture:
    """All curves on one pair of axes: users on a scale of doublings, requests/s from zero."""

    curves: tuple[Curve, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


def render(ladder: Ladder) -> str:
    """The page's text."""
    most = max((each.capacity_rps or 0.0 for each in ladder.rungs), default=0.0)
    return (
        environment()
        .get_template("ladder.html.j2")
        .render(
            ladder=ladder,
            most=most or 1.0,
            picture=picture(ladder.rungs),
            size=(WIDTH, HEIGHT, LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT),
            CALM=CALM,
            WORTH=WORTH,
            COLOURS=COLOURS,
        )
    )


def picture(rungs: tuple[Rung, ...]) -> Picture | None:
    """None where no rung has two levels to draw a line between."""
    drawn = [(at, each) for at, each in enumerate(rungs) if len(each.levels) > 1]
    if not drawn:
        return None
    users = max(level[0] for _, each in drawn for level in each.levels)
    doublings = max(1, (users - 1).bit_length())
    top = _round_up(max(level[1] for _, each in drawn for level in each.levels))

    def x(n: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * log2(n) / doublings

    def y(rps: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rps / top

    return Picture(
        tuple(Curve(each.name, at % COLOURS, tuple((x(n), y(rps)) for n, rps in each.levels)) for at, each in drawn),
        tuple(Tick(x(2**power), str(2**power)) for power in range(doublings + 1)),
        tuple(Tick(y(top * part / 4), f"{top * part / 4:,.0f}") for part in range(5)),
    )


def _round_up(value: float) -> float:
    """To the next 1, 2 or 4 times a power of ten, so that quarters are whole numbers: 4 at least."""
    power = 1.0
    while True:
        for digit in (4.0, 10.0, 20.0):
            if value <= digit * power:
                return digit * power
        power *= 10
