"""What nginx says in its log of errors about its own limits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from loadlab.probes._follow import Follower

SAYS: tuple[tuple[bytes, ...], ...] = (
    (b"no live upstreams while connecting to upstream",),
    (
        b"connect() failed",
        b"upstream timed out",
        b"upstream prematurely closed",
        b"while reading response header from upstream",
        b"upstream sent invalid",
    ),
    (b"worker_connections are not enough",),
)
"""By counter, how nginx puts it (ngx_http_upstream.c, ngx_connection.c, the same since 1.0)."""

CONNECTIONS = re.compile(rb"(\d+) worker_connections are not enough")


class Log:
    """What one log has told so far; the arguments are those of Follower."""

    def __init__(self, path: Path, offset: int = 0, inode: tuple[int, int] | None = None) -> None:
        self.path = path
        self._new = Follower(path, offset, inode)
        self.counts = [0.0] * len(SAYS)
        self.connections: float | None = None

    def read(self) -> None:
        """Take in what is new."""
        whole = self._new.lines()
        self.counts = [old + new for old, new in zip(self.counts, parse(whole), strict=True)]
        if (limit := CONNECTIONS.search(whole)) is not None:
            self.connections = float(limit[1])


def parse(text: bytes) -> tuple[float, ...]:
    """How often whole lines say each of SAYS. A line counts once for each."""
    found = [0] * len(SAYS)
    for index, ways in enumerate(SAYS):
        if len(ways) == 1:  # once in a line; a log of refusals has a hundred thousand
            found[index] = text.count(ways[0])
        elif any(way in text for way in ways):
            found[index] = sum(any(way in line for way in ways) for line in text.splitlines())
    return tuple(float(each) for each in found)


def added(logs: Sequence[Log]) -> tuple[float | None, ...]:
    """The counters and the limit of several logs together."""
    limits = [each.connections for each in logs if each.connections is not None]
    counts = (sum(each.counts[index] for each in logs) for index in range(len(SAYS)))
    return (*counts, max(limits, default=None))
