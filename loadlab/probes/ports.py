"""Ports: local ports taken by connections to each destination

What: a caller needs a local port for each connection to one address, and keeps it for a minute after it closed first
(TIME_WAIT). How many are taken, how many of those linger, between which bounds they lie and most of them, and how many
the kernel gives.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._proc_text import span, text, time_wait
from loadlab.probes._sockets import ESTABLISHED, SYN_SENT, Socket, dump, lingering_in, standing_in
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "destination"
INTERVAL_S = 1.0
NINE_TENTHS = 0.9
"""A caller with a range of its own has nearly all of them. A stray one of somebody else's (a check of health, loadlab's
own before the load) may lie anywhere."""
METRICS = (
    Metric("taken", "1", "gauge", "local ports of connections to this destination, lingering ones among them"),
    Metric("lingering", "1", "gauge", "of these, in TIME_WAIT: closed by the caller less than a minute ago"),
    Metric("lowest", "1", "gauge", "lowest of these ports"),
    Metric("highest", "1", "gauge", "highest of these ports"),
    Metric("nine_tenths_within", "1", "gauge", "fewest ports in a row among which nine tenths of these lie"),
    Metric("given", "1", "gauge", "ports the kernel gives to callers: ip_local_port_range"),
)
SAMPLE = 2_000
"""Connections in TIME_WAIT looked at in one tick, of up to 28,000; their number is the kernel's own."""
OPENED = 1 << ESTABLISHED | 1 << SYN_SENT

View = dict[int, tuple[float, float, float, float, float, float | None]]
"""The values of METRICS by destination port, as seen from one network namespace."""


class Ports:
    """The open probe."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._targets = targets
        self._proc = proc

    def read(self, t: float) -> Iterable[Row]:
        """One row for each port of each target that somebody has connected to."""
        targets = self._targets.now()
        served = {port: each for each in targets for port in each.ports}
        views = [self._from(t, served, text(self._proc / "sys/net/ipv4/ip_local_port_range"))]
        views += [self._from(t, served, each.space.ports, each) for each in targets if each.space is not None]
        found = []
        for port, values in fullest(views).items():
            target = served[port]
            entity = Entity("destination", target.service, target.instance, name=f"{target.host}:{port}")
            found.append((entity, values))
        return found

    def _from(self, t: float, served: Mapping[int, object], bounds: str, target: Target | None = None) -> View:
        """From one network namespace: loadlab's, or a target's own."""
        space, net = (None, "net") if target is None else (target.space, f"{target.pid}/net")
        lingering = lingering_in(space, t, SAMPLE)
        standing = dump(OPENED) if space is None else standing_in(space, t, OPENED)
        total = time_wait(text(self._proc / net / "sockstat"))
        return {port: (*each, span(bounds)) for port, each in parse(standing, lingering, served, total).items()}

    def close(self) -> None:
        """Nothing is kept open."""


def fullest(views: Iterable[View]) -> View:
    """By destination port, the network namespace from which most of its ports are taken: each has ports of its own, and
    a caller in another one takes none away."""
    found: View = {}
    for port, values in (pair for view in views for pair in view.items()):
        if port not in found or values[0] / (values[-1] or 1) > found[port][0] / (found[port][-1] or 1):
            found[port] = values
    return dict(sorted(found.items()))


def parse(
    standing: Iterable[Socket], lingering: list[Socket], served: Mapping[int, object], total: int
) -> dict[int, tuple[float, float, float, float, float]]:
    """By destination port: taken, lingering, lowest, highest, nine_tenths_within. `lingering` may be a sample of
    `total`: then each port's share of it counts. A connection that its server closed first keeps no port of the
    caller's."""
    ports: dict[int, set[int]] = defaultdict(set)
    counts: Counter[int] = Counter()
    for each in lingering:
        if each.peer_port in served:
            ports[each.peer_port].add(each.port)
            counts[each.peer_port] += 1
    alive: Counter[int] = Counter()
    for each in standing:
        if each.peer_port in served:
            ports[each.peer_port].add(each.port)
            alive[each.peer_port] += 1
    scale = max(1.0, total / len(lingering)) if len(lingering) >= SAMPLE else 1.0
    return {
        port: (
            alive[port] + counts[port] * scale,
            counts[port] * scale,
            float(min(mine)),
            float(max(mine)),
            nine_tenths_within(sorted(mine)),
        )
        for port, mine in sorted(ports.items())
    }


def nine_tenths_within(ports: list[int]) -> float:
    """The length of the shortest stretch that holds NINE_TENTHS of these, which are in order."""
    more = math.ceil(NINE_TENTHS * len(ports)) - 1
    return float(min(last - first for first, last in zip(ports, ports[more:], strict=False)) + 1)


def open(targets: Targets, proc: Path = Path("/proc")) -> Ports:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Ports(targets, proc)
