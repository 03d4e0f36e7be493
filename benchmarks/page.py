"""How long a report takes to open: from the request for the file to the last chart drawn, in headless Chromium.

    .venv/bin/python benchmarks/page.py [REPORT.html] [--times 5]

Without a page: the newest report.html below runs/. Prints the size and each opening; the aims: under 2 MB, and under a
second without a network.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

DRAWN = "html[data-drawn=yes]"
SINCE = "performance.now()"
"""Milliseconds since the page was asked for."""


def opened(browser: Browser, page: Path) -> float:
    """Milliseconds of one opening, in a browser context of its own."""
    tab = browser.new_context(offline=True).new_page()
    tab.add_init_script(
        f"new MutationObserver(() => {{ if (document.documentElement.dataset.drawn) window.drawn ??= {SINCE}; }})"
        ".observe(document, { attributes: true, childList: true, subtree: true })"
    )
    tab.goto(page.absolute().as_uri())
    tab.wait_for_selector(DRAWN, state="attached")
    took = float(tab.evaluate(f"new Promise((done) => requestAnimationFrame(() => done(window.drawn ?? {SINCE})))"))
    tab.context.close()
    return took


def newest() -> Path:
    """The last report that was made here."""
    found = sorted(Path("runs").glob("*/report.html"), key=lambda each: each.stat().st_mtime)
    if not found:
        raise SystemExit("no report.html below runs/: name one, or make one with `loadlab run`")
    return found[-1]


def main() -> None:
    """Open, measure, print."""
    parser = argparse.ArgumentParser(description="How long a report takes to open in Chromium.")
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    page = options.page or newest()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        times = [opened(browser, page) for _ in range(options.times)]
        browser.close()
    print(f"{page}: {page.stat().st_size / 1e6:.2f} MB")
    print("opened in " + ", ".join(f"{each:.0f}" for each in times) + " ms")


if __name__ == "__main__":
    main()
