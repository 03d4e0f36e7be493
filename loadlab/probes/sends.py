"""Sends: what services have to send, and what holds it

What: of every port of every service the connections whose answer the other end has not acknowledged, bytes sent, and
how long sending was held by the reader's receive window or by the service's own buffer: the kernel's own clocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._flow import Growth
from loadlab.probes._sockets import CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, Socket, everywhere
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "listener"
INTERVAL_S = 0.5
METRICS = (
    Metric("sending", "1", "gauge", "connections with an answer that the other end has not acknowledged in full"),
    Metric("queued_bytes", "bytes", "gauge", "written by the service and not acknowledged"),
    Metric("unsent_bytes", "bytes", "gauge", "of these, not yet on their way"),
    Metric("sent_bytes", "bytes", "counter", "sent by the service and acknowledged; short connections are missed"),
    Metric("busy_s", "s", "counter", "time connections had something to send, summed over them"),
    Metric("reader_limited_s", "s", "counter", "of that, held by the reader's receive window"),
    Metric("buffer_limited_s", "s", "counter", "of that, held by the service's own send buffer"),
    Metric("held", "1", "gauge", "connections with a short piece kept back until what was sent is acknowledged"),
    Metric("held_late", "1", "gauge", "of these, for longer than the path takes: the reader delays to acknowledge"),
)
STATES = 1 << ESTABLISHED | 1 << CLOSE_WAIT | 1 << FIN_WAIT1
"""A server that closes after its answer stays in FIN_WAIT1 until the last of it is acknowledged."""


class Sends:
    """The open probe."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._grown = Growth(4)

    def read(self, t: float) -> Iterable[Row]:
        """One row for each port of each target."""
        targets = self._targets.now()
        ports = {port: each for each in targets for port in each.ports}
        gauges = self._gauges(each for each in everywhere(targets, t, STATES, info=True) if each.port in ports)
        found = []
        for port, target in ports.items():
            entity = Entity("listener", target.service, target.instance, name=f"{target.host}:{port}")
            sent, *limits = self._grown.of(port)
            *queued, held, late = gauges[port]
            found.append((entity, (*queued, sent, *(each / 1e6 for each in limits), held, late)))
        return found

    def close(self) -> None:
        """Nothing is kept open."""

    def _gauges(self, sockets: Iterable[Socket]) -> dict[int, list[float]]:
        """By port: connections with something on its way, its bytes, and those not yet on their way; connections with a
        short piece held back, and of these the late ones."""
        found: dict[int, list[float]] = defaultdict(lambda: [0.0] * 5)
        for each in sockets:
            moved = each.flow
            if moved is None:
                continue
            pieces = each.nagle
            more = (
                float(each.send_queue > 0),
                float(each.send_queue),
                float(moved.unsent),
                float("nan") if pieces is None else float(pieces.held),
                float("nan") if pieces is None else float(pieces.late),
            )
            found[each.port] = [old + new for old, new in zip(found[each.port], more, strict=True)]
            counted = (moved.bytes_out, moved.busy_us, moved.reader_us, moved.buffer_us)
            self._grown.add(each.port, (each.local, each.port, each.peer, each.peer_port), counted)
        self._grown.next()
        return found


def open(targets: Targets, proc: Path = Path("/proc")) -> Sends:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Sends(targets)
