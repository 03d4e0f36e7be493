"""From a copy of a stack to who had called whom."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes._cfi import CallFrames
from loadlab.probes._unwind import BP, BY_POINTER, LAST, LINK, MOST_FRAMES, SP, Moment, Step, joined, walk

X86 = b"""STACK CFI INIT 1000 310 .cfa: $rsp 8 + .ra: .cfa -8 + ^
STACK CFI 1002 .cfa: $rsp 16 + $rbp: .cfa -16 + ^
STACK CFI 1010 .cfa: $rbp 16 +
STACK CFI 1300 .cfa: $rsp 8 +
STACK CFI INIT 3000 20 .cfa: $rsp 8 +
STACK CFI INIT 2000 10 .cfa: $rsp 16 + .ra: $rdi
STACK CFI INIT 2010 10 .cfa: $r10 16 + .ra: .cfa -8 + ^
"""
ARM = b"""STACK CFI INIT 1000 100 .cfa: sp 0 + .ra: x30
STACK CFI 1004 .cfa: sp 32 + .ra: .cfa -24 + ^ x29: .cfa -32 + ^
STACK CFI 1008 .cfa: x29 32 +
STACK CFI 10fc .cfa: sp 0 +
"""


@pytest.mark.parametrize(
    ("text", "address", "step"),
    [
        (X86, 0x0FFF, None),
        (X86, 0x1001, Step(SP, 8, -8)),
        (X86, 0x1002, Step(SP, 16, -8, -16)),
        (X86, 0x12FF, Step(BP, 16, -8, -16)),
        (X86, 0x1300, Step(SP, 8, -8, -16)),
        (X86, 0x1310, None),
        (X86, 0x2000, None),
        (X86, 0x2010, None),
        (X86, 0x301F, LAST),
        (X86, 0x3020, None),
        (ARM, 0x1000, Step(SP, 0, LINK)),
        (ARM, 0x1004, Step(SP, 32, -24, -32)),
        (ARM, 0x1010, Step(BP, 32, -24, -32)),
        (ARM, 0x10FC, Step(SP, 0, -24, -32)),
        (b"", 0x1000, None),
    ],
)
def test_what_a_table_says_of_an_address(text: bytes, address: int, step: Step | None) -> None:
    """None where there is no function, and of rules by other registers."""
    assert CallFrames(text).at(address) == step


SP0 = 0x7000


def moment(*words: int, ip: int = 0x1000, bp: int = 0, link: int = 0) -> Moment:
    return Moment(ip, SP0, bp, link, struct.pack(f"<{len(words)}Q", *words))


LEAF, FRAMED, BLIND = 0x1000, 0x2000, 0x4000
STEPS = {LEAF: Step(SP, 16, -8), FRAMED: Step(BP, 16, -8, -16), 0x3000: LAST, BLIND: BY_POINTER}


def steps(address: int) -> Step | None:
    """Functions of 0x100 bytes."""
    return STEPS.get(address // 0x100 * 0x100)


@pytest.mark.parametrize(
    ("now", "chain", "is_whole"),
    [
        # 0x3100 is where a call at the last function's end returns to.
        (moment(0, 0x2010, SP0 + 0x40, 0x3100, bp=SP0 + 0x10), [LEAF, 0x2010, 0x3100], True),
        (moment(0, 0x2010), [LEAF, 0x2010], False),
        (moment(0, 0x9999), [LEAF], False),
        (moment(0), [LEAF], False),
        (moment(), [LEAF], False),
        (moment(0, 0x2010, 0, 0x2020, bp=SP0 + 0x10), [LEAF, 0x2010, 0x2020], False),
        (moment(0, 0x2010, SP0 + 0x10, 0x2020, bp=SP0 + 0x10), [LEAF, 0x2010, 0x2020], False),
        (moment(0, 0x2010, bp=SP0 - 64), [LEAF, 0x2010], False),
        (moment(SP0 + 0x20, 0x1010, 0, 0x3050, ip=BLIND, bp=SP0), [BLIND, 0x1010, 0x3050], True),
        (moment(0, 0, ip=0x9000), [0x9000], False),
        (moment(ip=0x3000), [0x3000], True),
    ],
    ids=["whole", "copy ends", "no code", "half a frame", "no copy", "no frame pointer", "loop", "below",
         "without tables", "nowhere", "at its start"],
)  # fmt: skip
def test_each_frame_leads_to_its_caller(now: Moment, chain: list[int], is_whole: bool) -> None:
    assert walk(now, steps) == (chain, is_whole)


def test_a_frame_pointer_that_was_taken_back_already_is_in_its_register() -> None:
    """At a function's last instruction its place is below the stack's end, and the compiler still tells of it."""
    returns = {LEAF: Step(SP, 8, -8, -16), FRAMED: STEPS[FRAMED], 0x3000: LAST}
    now = moment(0x2010, 1, SP0 + 0x40, 0x3050, bp=SP0 + 0x10)
    assert walk(now, lambda at: returns.get(at // 0x100 * 0x100)) == ([LEAF, 0x2010, 0x3050], True)


def test_arm64_returns_by_a_register_from_the_innermost_function_alone() -> None:
    """Addresses may be signed in the bits above."""
    arm = {LEAF: Step(SP, 0, LINK), 0x1100: Step(SP, 0, -24, -32), FRAMED: Step(SP, 32, -24, -32), 0x3000: LAST}
    for leaf in (LEAF, 0x1100):  # it called none; it has taken back what it kept
        now = moment(0, 0x3F00_0000_0000_3010, 0, 0, ip=leaf, link=0x2010)
        assert walk(now, lambda at: arm.get(at // 0x100 * 0x100)) == ([leaf, 0x2010, 0x3010], True)
    now = moment(0, 0x1010, 0, 0, link=0x2010)
    assert walk(now, lambda at: arm.get(at // 0x100 * 0x100)) == ([LEAF, 0x2010, 0x1010], False)


@pytest.mark.parametrize(
    ("walked", "is_whole", "chain", "best"),
    [
        ([1, 2, 3], True, (1, 9, 8, 7, 6), (1, 2, 3)),
        ([1, 2, 3], False, (1, 3, 4, 5), (1, 2, 3, 4, 5)),
        ([1, 2, 3], False, (1, 9, 8, 7, 6), (1, 2, 3)),
        ([1], False, (1, 2, 3), (1, 2, 3)),
        ([1], False, (), (1,)),
        ([1, 2], False, (1,), (1, 2)),
    ],
    ids=["whole", "goes on from a call both passed", "numbers by chance", "no step", "no chain", "no frame pointers"],
)
def test_frame_pointers_go_on_where_both_passed(
    walked: list[int], is_whole: bool, chain: tuple[int, ...], best: tuple[int, ...]
) -> None:
    assert joined(walked, is_whole, chain) == best


STEP = st.builds(
    Step,
    st.sampled_from([SP, BP]),
    st.integers(-(2**40), 2**40),
    st.integers(-64, 64) | st.just(LINK),
    st.none() | st.integers(-99, 99),
)


@given(st.binary(max_size=400), STEP, STEP, st.integers(0, 2**64 - 1))
def test_any_stack_and_any_table_end(stack: bytes, one: Step, other: Step, bp: int) -> None:
    chain, _ = walk(Moment(1, 1 << 20, bp, 5, stack), lambda at: one if at % 2 else other)
    assert 1 <= len(chain) <= MOST_FRAMES


@given(st.text("STACK CFIN0123456789abcdef.:$rspb+^-\n ", max_size=300), st.integers(0, 2**64 - 1))
def test_any_text_is_read_without_an_error(text: str, address: int) -> None:
    CallFrames(X86 + text.encode()).at(address)
