"""OpenTelemetry: what a collector gets, decoded with the protocol's own messages."""

from __future__ import annotations

import sys

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import UsageError
from loadlab.export import About, otlp
from tests.export.conftest import Collector
from tests.export.intervals import interval

pytestmark = pytest.mark.real


def about(notes: list[str]) -> About:
    return About("shop", SYSTEM, SYSTEM.monotonic(), notes.append)


def test_a_collector_gets_sums_since_the_start_and_the_last_of_them_at_the_end(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=shop")
    notes: list[str] = []
    push = otlp.start("", about(notes))
    push.phase("steady")
    push.interval(interval(0, latency_us=(100, 101)))
    push.interval(interval(1, latency_us=(2_000_000,)))
    push.close()
    assert set(collector.paths) == {"/v1/metrics"} and notes == []
    resource = collector.got[-1].resource_metrics[0]
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (named["service.name"], named["loadlab.system"], named["team"]) == ("loadlab", "shop", "shop")
    metrics = {each.name: each for each in resource.scope_metrics[0].metrics}
    assert metrics["loadlab.requests"].sum.is_monotonic
    points = {point.attributes[0].value.string_value: point for point in metrics["loadlab.requests"].sum.data_points}
    assert (points["GET /"].as_int, points["POST /orders"].as_int) == (3, 2)
    durations = metrics["loadlab.request.duration"].histogram.data_points
    get = next(each for each in durations if each.attributes[0].value.string_value == "GET /")
    assert (get.count, get.sum, get.min, get.max) == (3, pytest.approx(2.000201), 0.0001, 2.0)
    assert sum(get.bucket_counts) == 3 and len(get.bucket_counts) == len(get.explicit_bounds) + 1
    assert get.bucket_counts[0] == get.bucket_counts[1] == 1
    assert metrics["loadlab.users"].gauge.data_points[0].as_int == 8
    assert get.start_time_unix_nano < get.time_unix_nano


def test_one_that_does_not_take_them_is_said_once_and_tried_again(collector: Collector) -> None:
    notes: list[str] = []
    collector.refuses = True
    push = otlp.start("", about(notes))
    end = SYSTEM.monotonic() + 5
    while len(collector.paths) < 3 and SYSTEM.monotonic() < end:
        SYSTEM.sleep(0.01)
    collector.refuses = False
    push.close()
    assert [each.split(" ", 2)[2] for each in notes] == [
        "does not take the metrics; the run goes on, it is tried again",
        "takes the metrics now",
    ]
    assert len(collector.paths) >= 3 and collector.got


def test_nobody_there_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    monkeypatch.setattr(otlp, "STOP_S", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    push = otlp.start("", about([]))
    push.interval(interval(0))
    began = SYSTEM.monotonic()
    push.close()
    assert SYSTEM.monotonic() - began < 3


@pytest.mark.parametrize("given", ["often", "0", "-5"])
def test_an_interval_that_is_none(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", given)
    with pytest.raises(UsageError, match="number of milliseconds"):
        otlp.start("", about([]))


def test_without_the_sdk_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(UsageError, match=r"pip install 'loadlab\[export\]'"):
        otlp.start("", about([]))
