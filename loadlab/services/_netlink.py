"""Questions to the kernel about links, routes and filters (rtnetlink): what `ip` and `tc` say to it, without them.

Formats are those of linux/rtnetlink.h, linux/if_link.h and linux/pkt_sched.h. Encoding is pure; `ask` acts.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence

NEW_LINK, SET_LINK, NEW_ROUTE, NEW_QDISC, NEW_FILTER = 16, 19, 24, 36, 44
REQUEST, ACK, EXCLUSIVE, CREATE = 1, 4, 0x200, 0x400
UP, NO_ARP = 1, 0x80
NAME, ADDRESS, LINK_INFO, AF_SPEC, NET_NS_FD = 3, 1, 18, 26, 28
KIND, DATA, VETH_PEER = 1, 2, 1
IPV4_CONF, FORWARDING, ROUTE_LOCALNET = 1, 1, 26
IPV6_ADDRESSES, NONE = 8, 1
DESTINATION, OUT, SOURCE = 1, 4, 7
TABLE_LOCAL, STATIC, SCOPE_LINK, UNICAST = 255, 4, 253, 1
ROOT, CLSACT, INGRESS, EGRESS = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFFFFF2, 0xFFFFFFF3
BPF_FD, BPF_NAME, BPF_FLAGS, DIRECT = 6, 7, 8, 1
TBF_PARAMETERS, TBF_BURST = 1, 6
ETHERNET = 1
ALL_PROTOCOLS = 3
ERROR = 2
HEADER = struct.Struct("=IHHII")


def attribute(kind: int, value: object) -> bytes:
    """One attribute: a number is 32 bits, text ends in a zero, a list of (kind, value) is nested."""
    if isinstance(value, int):
        data = struct.pack("=I", value)
    elif isinstance(value, str):
        data = value.encode() + b"\0"
    elif isinstance(value, bytes):
        data = value
    elif isinstance(value, list | tuple):
        data = b"".join(attribute(*each) for each in value)
    else:
        raise TypeError(type(value))
    length = len(data) + 4
    return struct.pack("=HH", length, kind) + data + b"\0" * (-length % 4)


def link(index: int = 0, flags: int = 0) -> bytes:
    """struct ifinfomsg: a link by its number, and the flags it is to have."""
    return struct.pack("=BxHiII", 0, 0, index, flags, flags)


def traffic(index: int, handle: int, parent: int, info: int = 0) -> bytes:
    """struct tcmsg: a queue or filter of a link."""
    return struct.pack("=BxxxiIII", 0, index, handle, parent, info)


def ask(kind: int, body: bytes, attributes: Sequence[tuple[int, object]] = (), flags: int = 0) -> None:
    """One request, in the calling thread's network namespace. Raises OSError with what the kernel answers."""
    data = body + b"".join(attribute(*each) for each in attributes)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as line:
        line.settimeout(5.0)
        line.send(HEADER.pack(HEADER.size + len(data), kind, REQUEST | ACK | flags, 1, 0) + data)
        code = refused(line.recv(65_536))
    if code:
        raise OSError(code, os.strerror(code))


def refused(answer: bytes) -> int:
    """The error number of an answer; 0 for a yes."""
    kind = HEADER.unpack_from(answer)[1]
    return -int(struct.unpack_from("=i", answer, HEADER.size)[0]) if kind == ERROR else 0


def make_pair(name: str, peer: str, mac: bytes, peer_fd: int) -> None:
    """A veth: two interfaces, what one sends the other receives; the peer in another network namespace.

    Both have the same hardware address and ask nobody for others' (no ARP): there is one at the other end.
    """
    about = ((NAME, peer), (ADDRESS, mac), (NET_NS_FD, peer_fd))
    there = link(0, NO_ARP) + b"".join(attribute(*each) for each in about)
    info = [(KIND, "veth"), (DATA, [(VETH_PEER, there)])]
    ask(NEW_LINK, link(0, NO_ARP), [(NAME, name), (ADDRESS, mac), (LINK_INFO, info)], CREATE | EXCLUSIVE)


def configure(index: int, *settings: int) -> None:
    """Switches of net.ipv4.conf.IT. Netlink, as /proc/sys may be read-only (containers)."""
    conf = [(IPV4_CONF, [(each, 1) for each in settings])]
    ask(SET_LINK, link(index), [(AF_SPEC, [(socket.AF_INET, conf)])])


def without_ipv6(index: int) -> None:
    """No address of its own making. Raises OSError where there is no IPv6 anyway."""
    ask(SET_LINK, link(index), [(AF_SPEC, [(socket.AF_INET6, [(IPV6_ADDRESSES, struct.pack("=B", NONE))])])])


def bring_up(index: int) -> None:
    """As `ip link set up`."""
    ask(SET_LINK, link(index, UP))


def route(index: int, to: str, bits: int, source: str) -> None:
    """Packets for `to`/`bits` leave by this link, from this address. In the table `local`, where 127.0.0.0/8 stands."""
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, bits, 0, 0, TABLE_LOCAL, STATIC, SCOPE_LINK, UNICAST, 0)
    where = [(DESTINATION, socket.inet_aton(to)), (OUT, index), (SOURCE, socket.inet_aton(source))]
    ask(NEW_ROUTE, body, where, CREATE | EXCLUSIVE)


def make_hooks(index: int) -> None:
    """Where filters can look at what comes in and goes out."""
    ask(NEW_QDISC, traffic(index, CLSACT & 0xFFFF0000, CLSACT), [(KIND, "clsact")], CREATE | EXCLUSIVE)


def hook(index: int, where: int, program: int) -> None:
    """An eBPF program (its descriptor) sees every packet there: INGRESS or EGRESS."""
    options = [(BPF_FD, program), (BPF_NAME, "loadlab"), (BPF_FLAGS, DIRECT)]
    body = traffic(index, 0, where, 1 << 16 | socket.htons(ALL_PROTOCOLS))
    ask(NEW_FILTER, body, [(KIND, "bpf"), (DATA, options)], CREATE | EXCLUSIVE)


def slow(index: int, bits: int, burst: int, queue: int) -> None:
    """What the link sends: so many bits a second (a token bucket), `burst` bytes at once, `queue` bytes waiting."""
    rate = struct.pack("=BBHhHI", 0, ETHERNET, 0, 0, 0, bits // 8)
    parameters = rate + bytes(12) + struct.pack("=III", queue, 0, 0)
    options = [(TBF_PARAMETERS, parameters), (TBF_BURST, burst)]
    ask(NEW_QDISC, traffic(index, 0x10000, ROOT), [(KIND, "tbf"), (DATA, options)], CREATE | EXCLUSIVE)
