"""Is a request outstanding on this connection? Told by the kernel's clocks of both its ends."""

from __future__ import annotations

import os

from loadlab.probes._sockets import Socket

DELAYED_ACK_MS = 40
"""Linux acknowledges what nobody answers within 40 ms (TCP_DELACK_MIN): after that, the side that got an
acknowledgement without data is the one that asked."""


def add(sums: list[float], caller: Socket, callee: Socket | None) -> None:
    """One connection into connections, outstanding, unread and unsent bytes."""
    sums[0] += 1
    sums[1] += waiting(caller, callee)
    if callee is not None:
        sums[2] += callee.receive_queue
        sums[3] += callee.send_queue


def waiting(caller: Socket, callee: Socket | None) -> float:
    """1 where a request is outstanding: the caller sent after it last received.

    The kernel counts in milliseconds, and a caller that asks again at once does both in the same one. Then a request
    that is not acknowledged, which may take up to 200 ms, cannot be answered; later the delayed acknowledgement tells
    who spoke last. Before it is due, a connection in such use is taken as waiting. Where requests are acknowledged at
    once the clocks tell nothing: but where nothing ever came back, the request is still unread, or an answer is short,
    it is outstanding.
    """
    if caller.segments_in == 0:
        return 1.0 if caller.segments_out > 0 else 0.0
    if caller.last_sent_ms != caller.last_received_ms:
        return 1.0 if 0 <= caller.last_sent_ms < caller.last_received_ms else 0.0
    if caller.send_queue > 0 or (callee is not None and callee.receive_queue > 0):
        return 1.0
    if caller.last_sent_ms < DELAYED_ACK_MS:
        return 1.0 if caller.last_sent_ms >= 0 else 0.0
    if callee is not None and callee.last_ack_ms < callee.last_received_ms:
        return 0.0
    return 1.0 if caller.last_ack_ms < caller.last_received_ms or one_answer_short(caller) else 0.0


def one_answer_short(caller: Socket) -> bool:
    """Whether the segments that came are those of one answer less than those that went, where every answer so far had
    as many segments as any other."""
    each = round(caller.segments_in / caller.segments_out) if caller.segments_out > 0 else 0
    return each > 0 and each * (caller.segments_out - 1) == caller.segments_in


def socket_inodes(folder: str) -> list[int]:
    """Inodes of a process's sockets; empty where they may not be read."""
    found: list[int] = []
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        try:
            link = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if link.startswith("socket:["):
            found.append(int(link[8:-1]))
    return found
