"""What Nagle's algorithm keeps back: the layout of the kernel's figures, what else can hold a piece, and the kernel
itself."""

from __future__ import annotations

import socket
import struct

import pytest

from loadlab.clock import SYSTEM
from loadlab.probes._nagle import FREE, Nagle, nagle
from loadlab.probes._sockets import ESTABLISHED, dump

WHOLE = 232
OFFSETS = {
    "segment": 16,
    "flying": 24,
    "sent_ms": 44,
    "window": 80,
    "unsent": 144,
    "shortest_us": 148,
    "room": 228,
}


def info(**more: int) -> bytes:
    """A struct tcp_info after 5 bytes of something else: 9 bytes that wait for one segment sent 24 ms ago, loopback."""
    values = {"segment": 32_768, "flying": 1, "sent_ms": 24, "window": 10, "unsent": 9, "shortest_us": 7}
    data = bytearray(5 + WHOLE)
    for name, value in (values | {"room": 65_536} | more).items():
        if name in OFFSETS:
            struct.pack_into("=I", data, 5 + OFFSETS[name], value)
    data[5 + 1], data[5 + 2] = more.get("recovering", 0), more.get("retransmits", 0)
    return bytes(data)


@pytest.mark.parametrize(
    ("figures", "expected", "why"),
    [
        ({}, Nagle(held=True, late=True), "kept back for longer than the path takes"),
        ({"sent_ms": 8}, Nagle(held=True, late=False), "a moment ago"),
        ({"shortest_us": 40_000}, Nagle(held=True, late=False), "a path of 40 ms: no acknowledgement can be here yet"),
        ({"shortest_us": 40_000, "sent_ms": 64}, Nagle(held=True, late=True), "and then a delayed one on top"),
        ({"unsent": 0}, FREE, "all is on its way: the other end is slow, or the path"),
        ({"flying": 0}, FREE, "nothing to be acknowledged: a corked socket"),
        ({"unsent": 40_000}, FREE, "a full segment is no matter of Nagle's"),
        ({"flying": 10, "unsent": 9}, FREE, "the congestion window is used up"),
        ({"queued": 70_000}, FREE, "the reader's window is used up"),
        ({"recovering": 3}, FREE, "something was lost"),
        ({"retransmits": 1}, FREE, "sent again by its timer"),
    ],
)
def test_what_keeps_back_a_piece(figures: dict[str, int], expected: Nagle, why: str) -> None:
    queued = figures.get("queued", 47)
    data = info(**figures)
    assert nagle(data, 5, len(data), queued) == expected, why


def test_an_old_kernel_does_not_tell() -> None:
    assert nagle(info(), 5, 5 + WHOLE - 4, 47) is None


@pytest.mark.real
@pytest.mark.parametrize(
    ("pieces", "no_delay", "held"),
    [((b"head", b"body"), False, True), ((b"head", b"body"), True, False), ((b"headbody",), False, False)],
    ids=["two writes", "two writes with TCP_NODELAY", "one write"],
)
def test_the_kernel_keeps_back_the_second_of_two_writes(pieces: tuple[bytes, ...], held: bool, no_delay: bool) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as accepted,
    ):
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, no_delay)
        # A connection on which questions and answers take turns: only then acknowledgements are delayed.
        for _ in range(20):
            client.send(b"question")
            accepted.recv(100)
            accepted.send(b"answer")
            client.recv(100)
        client.send(b"question")
        accepted.recv(100)
        for piece in pieces:
            accepted.send(piece)
        SYSTEM.sleep(0.022)
        port = server.getsockname()[1]
        (found,) = [each.nagle for each in dump(1 << ESTABLISHED, info=True) if each.port == port]
        assert found is not None
        assert (found.held, found.late) == (held, held)
