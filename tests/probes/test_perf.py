"""Records of the kernel's profiler."""

from __future__ import annotations

import struct

import pytest

from loadlab.probes._perf import CONTEXT, Sample, samples


def record(tid: int, *chain: int, kind: int = 9, cut: int = 0) -> bytes:
    """One sample, as the kernel writes it: where, whose, and the chain, which begins with a mark."""
    body = struct.pack(f"<QIIQ{len(chain) + 1}Q", chain[0], 1, tid, len(chain) + 1, CONTEXT + 0xE00, *chain)
    return struct.pack("<IHH", kind, 2, 8 + len(body) - cut) + body[: len(body) - cut]


def test_samples_one_behind_the_other() -> None:
    data = record(7, 0x1000, 0x2000) + record(8, 0x3000, kind=2) + record(9, 0x3000)
    assert samples(data) == [Sample(7, (0x1000, 0x2000)), Sample(9, (0x3000,))]


@pytest.mark.parametrize("broken", [b"\x09\0\0\0\0\0\0\0", b"\x09\0\0\0\0\0\xff\xff", b"\x09"])
def test_what_is_cut_off_ends_it(broken: bytes) -> None:
    assert samples(record(7, 0x1000) + broken) == [Sample(7, (0x1000,))]


def test_a_chain_is_no_longer_than_its_record() -> None:
    assert samples(record(7, 0x1000, 0x2000, cut=8)) == [Sample(7, (0x1000,))]
