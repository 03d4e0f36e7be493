"""The page in a real browser: it draws, asks nobody, and foreign names stay names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadlab import report
from loadlab.flow import judge
from tests.report import examples

pytestmark = pytest.mark.browser


def opened(page: Any, folder: Path, name: str) -> list[str]:
    """Opens an example; returns what went wrong, and every address asked for but the file's own."""
    recording = examples.ALL[name]()
    path = folder / "report.html"
    path.write_text(report.html(recording, judge(recording)), encoding="utf-8")
    wrong: list[str] = []

    def dismissed(dialog: Any) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", dismissed)
    page.on("request", lambda request: wrong.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn=yes]", state="attached")
    return wrong


@pytest.mark.parametrize("name", sorted(examples.ALL))
def test_nothing_goes_wrong_and_nobody_is_asked(page: Any, tmp_path: Path, name: str) -> None:
    assert opened(page, tmp_path, name) == []


def test_charts_and_flames_are_drawn(page: Any, tmp_path: Path) -> None:
    opened(page, tmp_path, "bottleneck")
    assert page.locator("canvas").count() >= 5
    painted = page.evaluate(
        "[...document.querySelectorAll('canvas')].every(c => c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data.some(v => v))"
    )
    assert painted
    assert page.locator("#flames svg rect").count() >= 4
    assert page.locator(".system.across .marked").count() == 1
    assert page.locator(".branch.lit").count() == 1


def test_a_hostile_name_stays_a_name_when_it_is_pointed_at(page: Any, tmp_path: Path) -> None:
    wrong = opened(page, tmp_path, "hostile")
    frames = page.locator("#flames svg g.frame")
    told = []
    for index in range(frames.count()):
        frames.nth(index).hover()
        told.append(page.locator("#flames .detail").inner_text())
        frames.nth(index).click()
    page.locator("#over-time .u-over").first.hover()
    assert wrong == []
    assert page.locator("img").count() == 0
    assert any(examples.HOSTILE in each for each in told)


@pytest.mark.parametrize("name", sorted(examples.ALL))
def test_a_telephone_shows_it_without_scrolling_sideways(page: Any, tmp_path: Path, name: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    opened(page, tmp_path, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
