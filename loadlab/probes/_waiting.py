"""Is a request outstanding on this connection? Told by the kernel's clocks of both its ends."""

from __future__ import annotations

import os

from loadlab.probes._sockets import Socket

DELAYED_ACK_MS = 40
"""Linux acknowledges what nobody answers within 40 ms (TCP_DELACK_MIN): after that, the side that got an
acknowledgement without data is the one that asked."""

FEWEST_ANSWERS = 10
"""Answers from which on their bytes tell: a sum divides evenly by another number than theirs once in ten, by chance."""


def add(sums: list[float], caller: Socket, callee: Socket | None) -> None:
    """One connection into connections, outstanding, unread and unsent bytes; short pieces held back, late ones."""
    sums[0] += 1
    sums[1] += waiting(caller, callee)
    if callee is not None:
        sums[2] += callee.receive_queue
        sums[3] += callee.send_queue
    sums[4] += float("nan") if caller.nagle is None else caller.nagle.held
    sums[5] += float("nan") if caller.nagle is None else caller.nagle.late


def waiting(caller: Socket, callee: Socket | None) -> float:
    """1 where a request is outstanding: the caller sent after it last received.

    The kernel's clock has steps of 1 to 10 ms, and a caller that asks again at once does both in the same one. Then the
    callee's clocks may still differ: an answer and the next question lie further apart there. An answer of which the
    callee still keeps a part is not there yet. A request that is not acknowledged, which may take up to 200 ms, cannot
    be answered; later the delayed acknowledgement tells who spoke last. Before it is due, a connection in such use is
    taken as waiting, unless its segments say that every question has its answer: one that is asked a hundred times a
    second and answers within the same step has none most of the time. Where requests are acknowledged at once the
    clocks tell nothing: but where nothing ever came back, the request is still unread, or an answer is short, it is
    outstanding.
    """
    if caller.segments_in == 0:
        return 1.0 if caller.segments_out > 0 else 0.0
    if callee is not None and callee.nagle is not None and callee.nagle.held:
        return 1.0
    if caller.last_sent_ms != caller.last_received_ms:
        return 1.0 if 0 <= caller.last_sent_ms < caller.last_received_ms else 0.0
    if caller.send_queue > 0 or (callee is not None and callee.receive_queue > 0):
        return 1.0
    if callee is not None and callee.last_sent_ms != callee.last_received_ms:
        return 1.0 if callee.last_received_ms < callee.last_sent_ms else 0.0
    if caller.last_sent_ms < DELAYED_ACK_MS:
        return 1.0 if caller.last_sent_ms >= 0 and not all_answered(caller) else 0.0
    if callee is not None and callee.last_ack_ms < callee.last_received_ms:
        return 0.0
    return 1.0 if caller.last_ack_ms < caller.last_received_ms or one_answer_short(caller) else 0.0


def all_answered(caller: Socket) -> bool:
    """Whether the segments of all questions and of all answers divide evenly: with one answer missing they do not, as
    there are more of them than segments in each."""
    few, many = sorted((caller.segments_in, caller.segments_out))
    return few > FEWEST_ANSWERS and many % few == 0 and many // few < few


def one_answer_short(caller: Socket) -> bool:
    """Whether what came is one answer less than what went, where every answer so far had as many segments as any other,
    or as many bytes."""
    asked = caller.segments_out
    each = round(caller.segments_in / asked) if asked > 0 else 0
    if each > 0 and each * (asked - 1) == caller.segments_in:
        return True
    came = caller.flow.bytes_in if caller.flow is not None else 0
    return came > 0 and asked > FEWEST_ANSWERS and came % asked != 0 and came % (asked - 1) == 0


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
