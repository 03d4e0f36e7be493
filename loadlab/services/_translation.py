"""An eBPF program that gives addresses other names at the border of a network namespace, both ways, one to one.

Programs listen on 127.0.0.1, which is another machine's in each namespace. Written here in the kernel's own
instructions (linux/bpf.h): no compiler, and nothing to install. `assemble` is pure, `submit` acts.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct

CALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
"""Number of the bpf() system call."""
PROG_LOAD, SCHED_CLS = 5, 3
IPV4, TCP, UDP = 0x0800, 6, 17
ETHERTYPE_AT, HEAD_AT, FRAGMENT_AT, PROTOCOL_AT, SUM_AT, FROM_AT, TO_AT = 12, 14, 20, 23, 24, 26, 30
"""Offsets in an Ethernet frame with an IPv4 packet."""
NO_OPTIONS = 0x45
TCP_SUM_AT, UDP_SUM_AT = 50, 40
"""Offsets of the checksum, which covers the addresses, too."""
PSEUDO_HEADER, ZERO_STAYS = 0x10, 0x20
STORE_BYTES, IP_SUM, TRANSPORT_SUM = 9, 10, 11
"""Helpers: bpf_skb_store_bytes, bpf_l3_csum_replace, bpf_l4_csum_replace."""
PACKET, SUM, HOW, FRAME = 6, 7, 8, 10
"""Registers that calls leave alone: the packet, where its transport's checksum is, how to mend that, the stack."""
MOVE, SET, SET_LONG, ADD, AND, STORE, CALL, EXIT = 0xBF, 0xB4, 0xB7, 0x07, 0x57, 0x63, 0x85, 0x95
BYTE, HALF, WORD = 0x30, 0x28, 0x20
UNLESS, IF = 0x55, 0x15

Name = tuple[str, str]
"""An address, and what it is called on the other side."""


def assemble(sender: Name, receiver: Name) -> bytes:
    """IPv4 packets from sender[0] come from sender[1] afterwards; those to receiver[0] go to receiver[1]."""
    rest = [
        _do(SET_LONG, SUM),
        _do(SET_LONG, HOW, value=PSEUDO_HEADER | 4),
        _do(HALF, value=FRAGMENT_AT),
        _do(AND, value=0x1FFF),
        _do(UNLESS, skip=6),  # a later piece of a packet has no checksum
        _do(BYTE, value=PROTOCOL_AT),
        _do(UNLESS, skip=1, value=TCP),
        _do(SET_LONG, SUM, value=TCP_SUM_AT),
        _do(UNLESS, skip=2, value=UDP),
        _do(SET_LONG, SUM, value=UDP_SUM_AT),
        _do(SET_LONG, HOW, value=PSEUDO_HEADER | ZERO_STAYS | 4),
        *_renamed(FROM_AT, *sender),
        *_renamed(TO_AT, *receiver),
    ]
    start = [
        _do(MOVE, PACKET, 1),
        _do(HALF, value=ETHERTYPE_AT),
        _do(UNLESS, skip=len(rest) + 2, value=IPV4),
        _do(BYTE, value=HEAD_AT),
        _do(UNLESS, skip=len(rest), value=NO_OPTIONS),
    ]
    return b"".join([*start, *rest, _do(SET_LONG), _do(EXIT)])


def submit(code: bytes) -> int:
    """The program, checked by the kernel: its descriptor. Raises OSError."""
    number = CALLS.get(platform.machine())
    if number is None:
        raise OSError(38, f"the number of bpf() on {platform.machine()} is not known here")
    libc = ctypes.CDLL(None, use_errno=True)
    text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"MIT")
    order = struct.pack("=IIQQ", SCHED_CLS, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence))
    held = ctypes.create_string_buffer(order, 128)
    descriptor = libc.syscall(number, PROG_LOAD, ctypes.byref(held), len(held))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(descriptor)


def _renamed(at: int, old: str, new: str) -> list[bytes]:
    """The address at this offset, where it is `old`: checksums first, they need both."""
    both = (_do(SET, 3, value=_as_sent(old)), _do(SET, 4, value=_as_sent(new)))
    change = [
        _do(MOVE, 1, PACKET),
        _do(SET_LONG, 2, value=SUM_AT),
        *both,
        _do(SET_LONG, 5, value=4),
        _do(CALL, value=IP_SUM),
        _do(IF, SUM, skip=6),
        _do(MOVE, 1, PACKET),
        _do(MOVE, 2, SUM),
        *both,
        _do(MOVE, 5, HOW),
        _do(CALL, value=TRANSPORT_SUM),
        _do(SET, 1, value=_as_sent(new)),
        _do(STORE, FRAME, 1, -4),
        _do(MOVE, 1, PACKET),
        _do(SET_LONG, 2, value=at),
        _do(MOVE, 3, FRAME),
        _do(ADD, 3, value=-4),
        _do(SET_LONG, 4, value=4),
        _do(SET_LONG, 5),
        _do(CALL, value=STORE_BYTES),
    ]
    # Loads from the packet come in the machine's order.
    number = struct.unpack("!i", socket.inet_aton(old))[0]
    return [_do(WORD, value=at), _do(UNLESS, skip=len(change), value=number), *change]


def _as_sent(address: str) -> int:
    return int(struct.unpack("=i", socket.inet_aton(address))[0])


def _do(what: int, target: int = 0, source: int = 0, skip: int = 0, value: int = 0) -> bytes:
    """One instruction: struct bpf_insn."""
    low, high = (target, source) if struct.pack("=H", 1)[0] else (source, target)
    return struct.pack("=BBhi", what, low | high << 4, skip, value)
