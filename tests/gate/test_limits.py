"""Limits of a profile: passed, failed, and without samples."""

from __future__ import annotations

from typing import Any

import pytest

from loadlab.gate.limits import judge
from tests.build import Proc, system


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        ({"p95_ms": 100.0}, True),
        ({"p95_ms": 1.0}, False),
        ({"throughput_rps": {"min": 100.0}}, True),
        ({"throughput_rps": {"min": 1000.0}}, False),
        ({"throughput_rps": {"min": 100.0, "max": 150.0}}, False),
        ({"error_rate": 0.01}, True),
        ({"error_rate": None}, None),
    ],
)
def test_overall(limits: dict[str, Any], passed: bool | None) -> None:
    built = system(Proc())
    built.profile["limits"] = limits
    results = judge(built.recording())
    assert [each.passed for each in results] == ([] if passed is None else [passed])


def test_an_endpoint_without_samples_fails() -> None:
    built = system(Proc())
    built.profile["endpoint_limits"] = {"GET /never": {"throughput_rps": {"min": 1.0}}}
    (result,) = judge(built.recording())
    assert (result.measured, result.passed) == (None, False)
