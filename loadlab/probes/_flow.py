"""What the kernel counts of a connection's data, and its growth summed over connections that come and go."""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

BYTES = struct.Struct("=QQ")
UNSENT = struct.Struct("=I")
LIMITS = struct.Struct("=QQQ")
BYTES_AT, UNSENT_AT, LIMITS_AT = 120, 144, 168
"""Offsets of tcpi_bytes_acked (tcpi_bytes_received follows), tcpi_notsent_bytes and tcpi_busy_time
(tcpi_rwnd_limited and tcpi_sndbuf_limited follow) in struct tcp_info; kernels before 4.10 lack the last."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Of one connection since it began. bytes_out: acknowledged by the other end; unsent: written by the application
    and not yet on its way, now; busy_us: time with data to send; reader_us: of that, held by the other end's receive
    window; buffer_us: held by the own send buffer."""

    bytes_out: int
    bytes_in: int
    unsent: int
    busy_us: int
    reader_us: int
    buffer_us: int


def flow(data: bytes, start: int, stop: int) -> Flow | None:
    """From a struct tcp_info at data[start:stop]; None where the kernel is too old to tell."""
    if stop - start < LIMITS_AT + LIMITS.size:
        return None
    (unsent,) = UNSENT.unpack_from(data, start + UNSENT_AT)
    out, came = BYTES.unpack_from(data, start + BYTES_AT)
    busy, reader, buffer = LIMITS.unpack_from(data, start + LIMITS_AT)
    return Flow(out, came, unsent, busy, reader, buffer)


class Growth:
    """Counters of a group of connections: each adds what it grew by since it was last seen, a new one all it has.

    What a connection does between its last sight and its end is lost.
    """

    def __init__(self, width: int) -> None:
        self._zero = (0,) * width
        self._last: dict[Hashable, tuple[int, ...]] = {}
        self._now: dict[Hashable, tuple[int, ...]] = {}
        self._sums: dict[Hashable, tuple[int, ...]] = {}

    def add(self, key: Hashable, connection: Hashable, values: Iterable[int]) -> None:
        """One connection of the group `key`, at this tick."""
        now = tuple(values)
        before = self._last.get(connection, self._zero)
        if any(new < old for new, old in zip(now, before, strict=True)):
            before = self._zero  # the same addresses and ports, another connection
        self._now[connection] = now
        sums = self._sums.get(key, self._zero)
        self._sums[key] = tuple(s + new - old for s, new, old in zip(sums, now, before, strict=True))

    def next(self) -> None:
        """The tick is over: connections that were not seen in it are gone."""
        self._last, self._now = self._now, {}

    def of(self, key: Hashable) -> tuple[float, ...]:
        """The group's counters."""
        return tuple(float(each) for each in self._sums.get(key, self._zero))
