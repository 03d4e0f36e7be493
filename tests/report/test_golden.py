"""The texts other tools and people read, to the letter: a change shows up in review."""

from __future__ import annotations

from typing import Any

from loadlab import report
from tests.build import Proc, system
from tests.report import examples


def test_verdict_json(snapshot: Any) -> None:
    assert report.verdict_json(examples.verdict()) == snapshot


def test_summary(snapshot: Any) -> None:
    assert report.summary(system(Proc()).recording(), examples.verdict()) == snapshot
