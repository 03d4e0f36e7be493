"""The kernel's table of TCP sockets, through netlink: 2 ms for a thousand, without privileges.

The message formats are those of linux/inet_diag.h and linux/sock_diag.h. pyroute2 reads the same in a hundred
milliseconds; tests hold this parser against it.
"""

from __future__ import annotations

import socket as s
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from loadlab.probes._flow import Flow, flow
from loadlab.probes._nagle import Nagle, nagle
from loadlab.services import Space, Target, _spaces

ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, TIME_WAIT, CLOSE_WAIT, LISTEN = 1, 2, 3, 4, 6, 8, 10
ALL = 0xFFF
STANDING = ALL & ~(1 << TIME_WAIT)
LOOPBACK = "127.0.0.1"
MOST = 1_000_000
SAME_TICK_S = 0.3
"""Probes that are due together are read one after the other, on a busy machine over as long as this."""
NETLINK_SOCK_DIAG = 4
TCPDIAG_GETSOCK = 18
"""Asks for IPv4 and IPv6 at once. The kernel walks the table of the whole machine (2 ms for 262,144 places) each time
it is asked, in whatever network namespace; by family (SOCK_DIAG_BY_FAMILY) it would be twice."""
DUMP_REQUEST = 0x301
DONE, ERROR = 3, 2
INET_DIAG_INFO = 2
HEADER = struct.Struct("=IHHII")
BODY = struct.Struct("=BBBB")
PORTS = struct.Struct("!HH")
COUNTS = struct.Struct("=IIIII")
LAST = struct.Struct("=II")
LAST_SENT_AT, LAST_RECEIVED_AT, LAST_ACK_AT = 44, 52, 56
"""Offsets of tcpi_last_data_sent, tcpi_last_data_recv and tcpi_last_ack_recv in struct tcp_info: milliseconds ago."""
SEGMENTS_AT = 152
"""Offset of tcpi_data_segs_in, which tcpi_data_segs_out follows; kernels before 4.6 have neither."""


@dataclass(frozen=True, slots=True)
class Socket:
    """One socket. receive_queue: bytes unread, of a listener connections waiting; send_queue: bytes unsent, of a
    listener its backlog. last_sent_ms, last_received_ms, last_ack_ms: milliseconds ago. segments_in, segments_out: with
    data, since the connection began. Each -1 where not asked for, and `flow` and `nagle` None."""

    state: int
    local: str
    port: int
    peer: str
    peer_port: int
    receive_queue: int
    send_queue: int
    inode: int
    last_sent_ms: int = -1
    last_received_ms: int = -1
    last_ack_ms: int = -1
    segments_in: int = -1
    segments_out: int = -1
    flow: Flow | None = None
    nagle: Nagle | None = None


def everywhere(
    targets: Iterable[Target], t: float, states: int, *, info: bool = False, anew: bool = False
) -> list[Socket]:
    """The sockets of loadlab's own network namespace and of those that instances have, by the addresses that loadlab
    knows them by: so both ends of a connection name each other. anew: all of the same moment. Raises OSError."""
    found = dump(states, info=info)
    for space in spaces(targets):
        found += standing_in(space, t, states, anew=anew)
    return found


def standing_in(space: Space, t: float, states: int, *, anew: bool = False) -> list[Socket]:
    """The sockets of an instance's namespace but for those in TIME_WAIT, asked for once a tick for all probes."""
    return [each for each in _once(space, t, STANDING, anew=anew) if states >> each.state & 1]


def lingering_in(space: Space | None, t: float, most: int) -> list[Socket]:
    """Sockets in TIME_WAIT, or about so many of them."""
    return dump(1 << TIME_WAIT, most=most) if space is None else _once(space, t, 1 << TIME_WAIT, most=most)


_seen: WeakKeyDictionary[Space, dict[tuple[int, int], tuple[float, list[Socket]]]] = WeakKeyDictionary()


def _once(space: Space, t: float, states: int, *, most: int = MOST, anew: bool = False) -> list[Socket]:
    """Each question means a walk through the table of the whole machine, and there may be many namespaces."""
    seen, key = _seen.setdefault(space, {}), (states, most)
    if anew or key not in seen or not 0 <= t - seen[key][0] <= SAME_TICK_S:
        seen[key] = (t, dump(states, info=states == STANDING, most=most, space=space))
    return seen[key][1]


def spaces(targets: Iterable[Target]) -> tuple[Space, ...]:
    """The network namespaces that instances have of their own."""
    return tuple(each.space for each in targets if each.space is not None)


def dump(states: int = ALL, *, info: bool = False, most: int = MOST, space: Space | None = None) -> list[Socket]:
    """All TCP sockets of one network namespace in the given states (a bit mask), IPv4 and IPv6. Raises OSError.

    most: stop after about so many. The kernel walks its hash table, so the first ones are as good as drawn by chance.
    space: not loadlab's own.
    """
    kind = (s.AF_NETLINK, s.SOCK_RAW, NETLINK_SOCK_DIAG)
    link = s.socket(*kind) if space is None else _spaces.socket_in(space.descriptor, *kind)
    with link:
        found = _all(link, states, info=info, most=most)
    return found if space is None else [outward(each, space) for each in found]


def outward(socket: Socket, space: Space) -> Socket:
    """A socket of a namespace, by the addresses of this machine's: its loopback is the instance there."""
    names = {LOOPBACK: space.address, space.home: LOOPBACK}
    local = space.address if socket.state == LISTEN else names.get(socket.local, socket.local)
    return replace(socket, local=local, peer=names.get(socket.peer, socket.peer))


def _all(link: s.socket, states: int, *, info: bool, most: int) -> list[Socket]:
    found: list[Socket] = []
    link.settimeout(2.0)
    link.send(request(states, info=info))
    done = False
    while not done and len(found) < most:
        sockets, done = parse(link.recv(1 << 18))
        found += sockets
    return found


def request(states: int, *, info: bool) -> bytes:
    """An inet_diag_req for a dump."""
    extensions = 1 << (INET_DIAG_INFO - 1) if info else 0
    body = struct.pack("=BBBB", 0, 0, 0, extensions) + b"\0" * 48 + struct.pack("=II", states, 0)
    return HEADER.pack(HEADER.size + len(body), TCPDIAG_GETSOCK, DUMP_REQUEST, 1, 0) + body


def parse(data: bytes) -> tuple[list[Socket], bool]:
    """Sockets of one datagram, and whether it ends the dump. Raises OSError for an error message of the kernel's."""
    found: list[Socket] = []
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, at)
        if length < HEADER.size or at + length > len(data):
            break
        if kind == DONE:
            return found, True
        if kind == ERROR:
            code = -struct.unpack_from("=i", data, at + HEADER.size)[0] if length >= 20 else 0
            raise OSError(code, "the kernel refused to list sockets")
        if length >= HEADER.size + 72:
            found.append(_socket(data, at + HEADER.size, at + length))
        at += (length + 3) & ~3
    return found, False


def _socket(data: bytes, at: int, end: int) -> Socket:
    family, state, _, _ = BODY.unpack_from(data, at)
    port, peer_port = PORTS.unpack_from(data, at + 4)
    _, receive_queue, send_queue, _, inode = COUNTS.unpack_from(data, at + 52)
    sent = received = acked = came = went = -1
    moved = pieces = None
    for kind, start, stop in _attributes(data, at + 72, end):
        if kind == INET_DIAG_INFO and stop - start >= LAST_ACK_AT + 4:
            (sent,) = struct.unpack_from("=I", data, start + LAST_SENT_AT)
            received, acked = LAST.unpack_from(data, start + LAST_RECEIVED_AT)
            if stop - start >= SEGMENTS_AT + 8:
                came, went = LAST.unpack_from(data, start + SEGMENTS_AT)
            moved, pieces = flow(data, start, stop), nagle(data, start, stop, send_queue)
    local, peer = _address(family, data, at + 8), _address(family, data, at + 24)
    queues = (receive_queue, send_queue, inode)
    return Socket(state, local, port, peer, peer_port, *queues, sent, received, acked, came, went, moved, pieces)


def _attributes(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of each netlink attribute."""
    while at + 4 <= end:
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind, at + 4, min(at + length, end)
        at += (length + 3) & ~3


def _address(family: int, data: bytes, at: int) -> str:
    if family == s.AF_INET:
        return s.inet_ntop(s.AF_INET, data[at : at + 4])
    text = s.inet_ntop(s.AF_INET6, data[at : at + 16])
    return text[7:] if text.startswith("::ffff:") and "." in text else text
