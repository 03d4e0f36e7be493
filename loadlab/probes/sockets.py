"""Listening sockets: connections that wait to be accepted

What: of every port of every service the accept queue, sampled ten times a second, its limit, and connections by state.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._sockets import (
    CLOSE_WAIT,
    ESTABLISHED,
    LISTEN,
    SYN_RECV,
    Socket,
    dump,
    everywhere,
    lingering_in,
    spaces,
)
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "listener"
INTERVAL_S = 0.5
METRICS = (
    Metric("accept_queue", "1", "gauge", "connections waiting to be accepted now"),
    Metric("accept_queue_max", "1", "gauge", "most since the last row, of ten looks a second"),
    Metric("backlog", "1", "gauge", "how many may wait"),
    Metric("established", "1", "gauge", "established connections on this port"),
    Metric("syn_recv", "1", "gauge", "connections in the middle of their handshake"),
    Metric("close_wait", "1", "gauge", "connections the client has closed and the service has not"),
    Metric("lingering", "1", "counter", "closed connections of this port seen in samples of those in TIME_WAIT"),
)
LOOK_S = 0.1
STATES = {"established": ESTABLISHED, "syn_recv": SYN_RECV, "close_wait": CLOSE_WAIT}
OPEN = 1 << LISTEN | 1 << ESTABLISHED | 1 << SYN_RECV | 1 << CLOSE_WAIT
SAMPLE = 1_000
"""Sockets in TIME_WAIT looked at in one tick. There can be 28,000 of them, and only their shares by port are wanted."""


class Listeners:
    """The open probe. A thread looks at the queues between two rows: they fill and drain within a tenth of a second."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._lock = threading.Lock()
        self._longest: dict[int, int] = {}
        self._lingering: Counter[int] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="accept-queues", daemon=True)
        self._thread.start()

    def read(self, t: float) -> Iterable[Row]:
        """One row for each port of each target."""
        targets = self._targets.now()
        ports = {port: each for each in targets for port in each.ports}
        with self._lock:
            longest, self._longest = self._longest, {}
        for space in (None, *spaces(targets)):
            for each in lingering_in(space, t, SAMPLE):
                # Whoever closes first keeps it: the port may be at either end.
                self._lingering.update({each.port, each.peer_port} & ports.keys())
        found = []
        for port, (queue, backlog, states) in parse(everywhere(targets, t, OPEN), set(ports)).items():
            target = ports[port]
            entity = Entity("listener", target.service, target.instance, name=f"{target.host}:{port}")
            most = max(queue, longest.get(port, 0))
            counts = (float(states[each]) for each in STATES.values())
            values = (float(queue), float(most), float(backlog), *counts, float(self._lingering[port]))
            found.append((entity, values))
        return found

    def close(self) -> None:
        """Ends the looking."""
        self._stop.set()
        self._thread.join(1.0)

    def _look(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                found = [dump(1 << LISTEN, space=each) for each in (None, *spaces(self._targets.now()))]
            except OSError:
                continue  # the next row's own read fails too, and that one is recorded
            with self._lock:
                for each in (one for listening in found for one in listening):
                    self._longest[each.port] = max(self._longest.get(each.port, 0), each.receive_queue)


def open(targets: Targets, proc: Path = Path("/proc")) -> Listeners:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Listeners(targets)


def parse(sockets: Iterable[Socket], ports: set[int]) -> dict[int, tuple[int, int, Counter[int]]]:
    """Queue, backlog and connections by state of each port that is listened on. Several sockets may share a port
    (SO_REUSEPORT): queues and backlogs add up."""
    queues: Counter[int] = Counter()
    backlogs: Counter[int] = Counter()
    states: dict[int, Counter[int]] = {port: Counter() for port in ports}
    listening = set()
    for each in sockets:
        if each.port not in ports:
            continue
        if each.state == LISTEN:
            listening.add(each.port)
            queues[each.port] += each.receive_queue
            backlogs[each.port] += each.send_queue
        else:
            states[each.port][each.state] += 1
    return {port: (queues[port], backlogs[port], states[port]) for port in sorted(listening)}
