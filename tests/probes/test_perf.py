"""Records of the kernel's profiler."""

from __future__ import annotations

import struct

import pytest

from loadlab.probes._perf import CONTEXT, Sample, samples
from loadlab.probes._unwind import Moment

X86, ARM = 3, 4
"""How many registers are kept."""


def record(tid: int, *chain: int, kind: int = 9, cut: int = 0, tail: bytes = b"") -> bytes:
    """One sample, as the kernel writes it: where, whose, and the chain, which begins with a mark."""
    body = struct.pack(f"<QIIQ{len(chain) + 1}Q", chain[0], 1, tid, len(chain) + 1, CONTEXT + 0xE00, *chain) + tail
    return struct.pack("<IHH", kind, 2, 8 + len(body) - cut) + body[: len(body) - cut]


def kept(*registers: int, stack: bytes, used: int, bits: int = 2) -> bytes:
    """What follows: registers, room for a stack, and how much of it there is."""
    return struct.pack(f"<{2 + len(registers)}Q", bits, *registers, len(stack)) + stack + struct.pack("<Q", used)


STACK = bytes(range(24))


@pytest.mark.parametrize(
    ("registers", "tail", "moment"),
    [
        (X86, kept(0xB0, 0xA0, 0x1000, stack=STACK, used=16), Moment(0x1000, 0xA0, 0xB0, 0, STACK[:16])),
        (ARM, kept(0xB0, 0x77, 0xA0, 0x1000, stack=STACK, used=24), Moment(0x1000, 0xA0, 0xB0, 0x77, STACK)),
        (X86, kept(0xB0, 0xA0, 0x1000, stack=STACK, used=1 << 60), Moment(0x1000, 0xA0, 0xB0, 0, STACK)),
        (X86, kept(0xB0, 0xA0, 0x1000, stack=STACK, used=16, bits=1), None),
        (X86, kept(0xB0, 0xA0, 0x1000, stack=STACK, used=16)[:-9], None),
        (X86, struct.pack("<QQ", 0, 0), None),
        (X86, struct.pack("<QQQQQ", 2, 0xB0, 0xA0, 0x1000, 0), None),
    ],
)
def test_registers_and_the_top_of_the_stack(registers: int, tail: bytes, moment: Moment | None) -> None:
    """None of programs of 32 bits, of threads that have none, and of what is cut off."""
    assert samples(record(7, 0x1000, tail=tail), registers) == ([Sample(7, (0x1000,), moment)], 0)


def test_samples_one_behind_the_other() -> None:
    data = record(7, 0x1000, 0x2000) + record(8, 0x3000, kind=5) + record(9, 0x3000)
    assert samples(data) == ([Sample(7, (0x1000, 0x2000)), Sample(9, (0x3000,))], 0)


def test_those_that_were_lost_are_counted() -> None:
    lost = struct.pack("<IHHQQ", 2, 0, 24, 5, 12)
    assert samples(lost + record(7, 0x1000) + lost) == ([Sample(7, (0x1000,))], 24)


@pytest.mark.parametrize("broken", [b"\x09\0\0\0\0\0\0\0", b"\x09\0\0\0\0\0\xff\xff", b"\x09"])
def test_what_is_cut_off_ends_it(broken: bytes) -> None:
    assert samples(record(7, 0x1000) + broken) == ([Sample(7, (0x1000,))], 0)


def test_a_chain_is_no_longer_than_its_record() -> None:
    assert samples(record(7, 0x1000, 0x2000, cut=8)) == ([Sample(7, (0x1000,))], 0)
