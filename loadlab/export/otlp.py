"""OpenTelemetry: the totals, pushed as OTLP over HTTP to where the standard's own variables say
(OTEL_EXPORTER_OTLP_ENDPOINT, by default http://localhost:4318; OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, ...)."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from loadlab import __version__
from loadlab.errors import UsageError
from loadlab.export import About, Export
from loadlab.export._otlp_data import metrics_data
from loadlab.export._totals import Totals

EVERY_S = 5.0
"""How often, where OTEL_METRIC_EXPORT_INTERVAL (milliseconds) does not say: the standard's minute would show a default
run once."""
STOP_S = 3.0
"""How long the end of a run waits for the last push."""


def start(where: str, about: About) -> Export:
    """where: not used. Raises UsageError."""
    del where
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    except ImportError as error:
        raise UsageError("--otel needs OpenTelemetry's SDK: pip install 'loadlab[export]'") from error
    # What it has to say goes into a note: its own lines would be written across the screen.
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    own = {"service.name": "loadlab", "service.version": __version__, "loadlab.system": about.system}
    resource = Resource(own).merge(OTELResourceDetector().detect())
    return Pusher(OTLPMetricExporter(), resource, about, _every_s())


def _collector() -> str:
    """As the exporter reads it."""
    metrics, whole = (os.environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("METRICS_", ""))
    return metrics or whole or "http://localhost:4318"


def _every_s() -> float:
    given = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "")
    if not given:
        return EVERY_S
    if not given.isdigit() or int(given) == 0:
        raise UsageError(f"OTEL_METRIC_EXPORT_INTERVAL={given}: it is a number of milliseconds, for example 5000")
    return int(given) / 1000


class Pusher:
    """Implements export.Export. A collector that is not there is told of once, and tried again."""

    def __init__(self, exporter: Any, resource: Any, about: About, every_s: float) -> None:
        self._totals = Totals()
        self.phase, self.interval = self._totals.phase, self._totals.interval
        self._exporter, self._resource, self._about = exporter, resource, about
        self._start_ns = int(about.wall0 * 1e9)
        self._every_s = every_s
        self._takes = True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="export-otlp-push", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pushes once more; what does not come through within STOP_S is given up."""
        self._over.set()
        self._thread.join(STOP_S)
        self._exporter.shutdown()

    def _work(self) -> None:
        while not self._over.wait(self._every_s):
            self._push()
        self._push()

    def _push(self) -> None:
        with self._totals.still() as totals:
            data = metrics_data(totals, self._resource, self._start_ns, int(self._about.clock.wall() * 1e9))
        takes = self._exporter.export(data).name == "SUCCESS"
        if takes != self._takes:
            self._takes = takes
            says = "takes the metrics now" if takes else "does not take the metrics; the run goes on, it is tried again"
            self._about.note(f"otel: {_collector()} {says}")
