"""The page in a real browser: it draws, asks nobody, foreign names stay names, and it reads in any light and on
paper."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from loadlab import report
from loadlab.flow import judge
from tests.report import examples

pytestmark = pytest.mark.browser

PAINTED = """[...document.querySelectorAll('canvas')].every(c =>
    c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v))"""
FRAMES_FULL = """[...document.querySelectorAll('#flames g.frame')].every(g =>
    Math.abs(g.getAttribute('width') - g.querySelector('rect').getAttribute('width')) < 0.01)"""
# WCAG 2: relative luminance; the background is that of the nearest ancestor that has one.
FAINT = """() => {
  const parse = (s) => s.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (e) => {
    const c = e ? parse(getComputedStyle(e).backgroundColor) : [255, 255, 255];
    return c.length === 3 || c[3] === 1 ? c : behind(e.parentElement);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || e.closest('svg, script, style') || !e.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(e.textContent.trim().slice(0, 40));
  }
  return found;
}"""


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


def until(page: Any, expression: str, argument: object = None) -> None:
    """The page follows with its next event, on a loaded machine a little later. Asked from outside: the page's own
    policy forbids what Playwright's waiting does inside."""
    for _ in range(200):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within ten seconds: {expression}")


def narrow(page: Any, width: int) -> None:
    """Nothing may stick out."""
    page.set_viewport_size({"width": width, "height": 900})
    until(page, f"document.documentElement.scrollWidth <= {width}")


@pytest.mark.parametrize("name", sorted(examples.ALL))
def test_every_page_can_be_read(page: Any, tmp_path: Path, name: str) -> None:
    """By eye, in any light; by ear; on a telephone; and without a word to anybody."""
    page.emulate_media(color_scheme="light")
    wrong = opened(page, tmp_path, name)
    assert page.evaluate(FAINT) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(FAINT) == []
    headings = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    assert page.evaluate(
        "[...document.querySelectorAll('svg, canvas')].every(e => e.closest('[role=img], [aria-label]'))"
    )
    assert page.evaluate("[...document.querySelectorAll('[role=img]')].every(e => e.getAttribute('aria-label'))")
    assert page.evaluate("[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))")
    narrow(page, 400)
    assert page.locator(".system:visible").count() == 1
    assert wrong == []


def test_charts_and_flames_are_drawn(page: Any, tmp_path: Path) -> None:
    opened(page, tmp_path, "bottleneck")
    assert page.locator("#over-time canvas").count() >= 2
    assert page.locator("#services-over-time canvas").count() >= 3
    assert page.locator("#levels canvas").count() == 1
    assert page.evaluate(PAINTED)
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
    page.locator("#flames input").fill("onerror")
    assert wrong == []
    assert page.locator("img").count() == 0
    assert any(examples.HOSTILE in each for each in told)


def test_one_cursor_reads_all_charts(page: Any, tmp_path: Path) -> None:
    opened(page, tmp_path, "bottleneck")
    legends = page.locator("#services-over-time .u-legend")
    before = legends.first.inner_text()
    page.locator("#over-time .u-over").first.hover()
    assert legends.first.inner_text() != before
    assert any(each.isdigit() for each in legends.first.inner_text())


def test_dragging_in_one_chart_looks_closer_in_all(page: Any, tmp_path: Path) -> None:
    opened(page, tmp_path, "bottleneck")
    first, other = page.locator("#over-time .u-over").first, page.locator("#services-over-time .u-wrap").first
    picture = "element => element.querySelector('canvas').toDataURL()"
    before = other.evaluate(picture)
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 50, steps=4)
    page.mouse.up()
    assert other.evaluate(picture) != before


def test_the_flame_graph_is_whole_at_once_whatever_the_width(page: Any, tmp_path: Path) -> None:
    opened(page, tmp_path, "bottleneck")
    assert page.evaluate(FRAMES_FULL)
    page.set_viewport_size({"width": 900, "height": 900})
    until(page, "document.querySelector('#flames svg').getAttribute('width') < 900")
    assert page.evaluate(FRAMES_FULL)
    page.locator("#flames select").select_option(index=1)
    assert page.evaluate(FRAMES_FULL)
    assert page.locator("#flames svg rect").count() >= 4


def test_a_search_lights_frames_and_clearing_it_puts_them_out(page: Any, tmp_path: Path) -> None:
    opened(page, tmp_path, "bottleneck")
    lit = page.locator("#flames rect[fill='#c297ff']")
    page.locator("#flames input").fill("price")
    assert lit.count() == 1
    page.locator("#flames input").fill("")
    assert lit.count() == 0


def test_a_change_of_light_repaints_the_charts(page: Any, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="light")
    opened(page, tmp_path, "bottleneck")
    picture = "document.querySelector('#over-time canvas').toDataURL()"
    sign = "getComputedStyle(document.querySelectorAll('#over-time .u-marker')[1]).backgroundColor"
    before, light = page.evaluate(picture), page.evaluate(sign)
    page.emulate_media(color_scheme="dark")
    until(page, f"before => {picture} !== before", before)
    assert light not in ("rgba(0, 0, 0, 0)", page.evaluate(sign))


def test_paper_is_white_and_wide_enough(page: Any, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    opened(page, tmp_path, "chain")
    page.emulate_media(media="print", color_scheme="dark")
    narrow(page, 720)
    assert page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(FAINT) == []
