"""Does a connection's last piece wait for an acknowledgement? Nagle's algorithm, told by the kernel's own figures.

A sender without TCP_NODELAY keeps a segment that is not full while an earlier small one is not acknowledged (RFC 896;
Linux looks at small ones only: tcp_nagle_check). No field of struct tcp_info says so, but its parts leave nothing else
that could hold the piece: the congestion window has room, the reader's window has room, nothing is being sent again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

STATES = struct.Struct("=BB")
WORD = struct.Struct("=I")
STATES_AT, SEGMENT_AT, FLYING_AT, SENT_AT, WINDOW_AT = 1, 16, 24, 44, 80
UNSENT_AT, SHORTEST_AT, ROOM_AT = 144, 148, 228
"""Offsets in struct tcp_info of tcpi_ca_state (tcpi_retransmits follows), tcpi_snd_mss, tcpi_unacked,
tcpi_last_data_sent, tcpi_snd_cwnd, tcpi_notsent_bytes, tcpi_min_rtt, tcpi_snd_wnd. Kernels before 5.4 lack the last."""

CLOCK_MS = 10
"""A step of the kernel's coarsest clock (HZ=100), in which the age of what was sent is given."""


@dataclass(frozen=True, slots=True)
class Nagle:
    """held: the last piece waits for the acknowledgement of what went before. late: for longer than the path's shortest
    time there and back, so the other end delays it (it may by up to 0.5 s, RFC 1122; Linux does by 40 ms)."""

    held: bool
    late: bool


FREE = Nagle(held=False, late=False)


def nagle(data: bytes, start: int, stop: int, queued: int) -> Nagle | None:
    """From a struct tcp_info at data[start:stop] of an established connection; queued: bytes not acknowledged, unsent
    ones among them. None where the kernel is too old to tell."""
    if stop - start < ROOM_AT + WORD.size:
        return None

    unsent = _word(data, start + UNSENT_AT)
    if not unsent:
        return FREE  # nearly all sockets: the rest is not looked at
    if STATES.unpack_from(data, start + STATES_AT) != (0, 0):
        return FREE  # something was lost: its acknowledgement is late for that
    waits = 0 < _word(data, start + FLYING_AT) < _word(data, start + WINDOW_AT)
    if unsent >= _word(data, start + SEGMENT_AT) or not waits or queued > _word(data, start + ROOM_AT):
        return FREE
    age_ms, shortest_ms = _word(data, start + SENT_AT), _word(data, start + SHORTEST_AT) / 1000
    return Nagle(held=True, late=age_ms > CLOCK_MS + shortest_ms)


def _word(data: bytes, at: int) -> int:
    return int(WORD.unpack_from(data, at)[0])
