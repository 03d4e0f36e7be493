"""An OpenMetrics endpoint, for Prometheus to scrape while the run lasts: http://127.0.0.1:PORT/metrics. On loopback
only: what a system answers is nobody else's business."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from loadlab.errors import UsageError
from loadlab.export import About, Export
from loadlab.export._totals import BOUNDS_S, COUNTED, Histogram, Totals

if TYPE_CHECKING:
    from prometheus_client import Metric

ADDRESS = "127.0.0.1"
NAMES = {
    "sent": "loadlab_requests_sent",
    "not_sent": "loadlab_requests_not_sent",
    "due": "loadlab_arrivals_due",
    "connects": "loadlab_connections_made",
    "bytes_received": "loadlab_received_bytes",
    "kernel_stamped": "loadlab_responses_stamped",
}
"""Base units and `_total` (which the client adds) as the format asks for."""
STOP_S = 2.0


def start(where: str, about: About) -> Export:
    """where: a port, 0 for any that is free. Raises UsageError."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise UsageError("--metrics needs prometheus-client: pip install 'loadlab[export]'") from error
    totals = Totals()
    registry = CollectorRegistry()
    registry.register(Families(totals))
    try:
        server, thread = start_http_server(int(where), ADDRESS, registry)
    except OSError as error:
        raise UsageError(
            f"--metrics {where}: {error.strerror or error}; another program has this port: give another, or 0 for any"
        ) from error
    about.note(f"metrics: http://{ADDRESS}:{server.server_port}/metrics")
    return Endpoint(totals, server, thread)


class Endpoint:
    """Implements export.Export."""

    def __init__(self, totals: Totals, server: Any, thread: Any) -> None:
        self.phase, self.interval = totals.phase, totals.interval
        self._server, self._thread = server, thread

    def close(self) -> None:
        """Nobody answers there any more. A scrape that is under way is not waited for."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(STOP_S)


class Families:
    """A collector: the totals as families of metrics, made anew for each scrape."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def describe(self) -> list[Metric]:
        """Nothing is asked for before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families."""
        with self._totals.still() as totals:
            return iter(list(_families(totals)))


def _families(totals: Totals) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    for field, says in COUNTED.items():
        yield CounterMetricFamily(NAMES[field], says, value=totals.counted[field])
    requests = CounterMetricFamily("loadlab_requests", "Requests that ended.", labels=["endpoint", "result"])
    for key, latency in totals.latency.items():
        requests.add_metric(key, latency.count)
    errors = CounterMetricFamily("loadlab_request_errors", "Failures, by their name.", labels=["endpoint", "error"])
    for key, count in totals.errors.items():
        errors.add_metric(key, count)
    phase = GaugeMetricFamily("loadlab_phase", "1 for the phase that runs.", labels=["phase"])
    phase.add_metric([totals.running], 1)
    yield from (requests, errors, phase)
    yield GaugeMetricFamily("loadlab_users", "Users now.", value=totals.users)
    yield GaugeMetricFamily("loadlab_requests_in_flight", "Requests under way.", value=totals.in_flight)
    yield from _histograms(totals)


def _histograms(totals: Totals) -> Iterator[Metric]:
    both = ["endpoint", "result"]
    yield _family("request_duration", "From the intended start to the arrival.", both, totals.latency)
    yield _family("request_service", "From the actual start to the arrival: uncorrected.", both, totals.service)
    lags = {(name,): each for name, each in totals.lags.items()}
    yield _family("generator_lag", "How late the generator itself was: to send, to read.", ["lag"], lags)


def _family(name: str, says: str, labels: list[str], found: dict[Any, Histogram]) -> Metric:
    from prometheus_client.core import HistogramMetricFamily
    from prometheus_client.utils import floatToGoString

    bounds: list[str] = [floatToGoString(bound) for bound in (*BOUNDS_S, float("inf"))]  # type: ignore[no-untyped-call]
    family = HistogramMetricFamily(f"loadlab_{name}_seconds", says, labels=labels)
    for key, each in found.items():
        buckets = list(zip(bounds, (float(count) for count in np.cumsum(each.counts)), strict=True))
        family.add_metric(list(key), buckets, each.sum_us / 1e6)
    return family
