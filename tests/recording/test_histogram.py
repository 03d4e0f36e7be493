"""The bucket arithmetic and the codec against the library's own, and percentiles against a full sort."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadlab.recording.histogram import (
    DIGITS,
    HIGHEST_US,
    LOWEST_US,
    SIZE,
    Adder,
    DamagedError,
    Encoder,
    indices,
    midpoints_us,
    quantiles,
)

microseconds = st.lists(st.integers(0, HIGHEST_US), min_size=1, max_size=300)


def counters(*encoded: str) -> np.ndarray:
    total = np.zeros(SIZE, dtype=np.int64)
    adder = Adder()
    for each in encoded:
        adder.add(each.encode(), total)
    return total


@given(microseconds)
def test_every_value_falls_where_the_library_puts_it(values: list[int]) -> None:
    library = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    assert library.counts_len == SIZE
    for value, index in zip(values, indices(values), strict=True):
        assert library.get_counts_array_index(value) == index
        low, middle = library.get_value_from_index(int(index)), midpoints_us(np.array([index]))[0]
        assert low <= middle <= library.get_highest_equivalent_value(value)
        assert abs(middle - value) <= max(0.5, value * 0.0005)


@given(microseconds)
def test_the_library_reads_what_we_write_and_we_what_it_writes(values: list[int]) -> None:
    ours = HdrHistogram.decode(Encoder().encode(values))
    theirs = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value in values:
        theirs.record_value(value)
    assert ours.get_total_count() == len(values)
    assert [ours.get_count_at_index(i) for i in set(indices(values))] == [
        theirs.get_count_at_index(i) for i in set(indices(values))
    ]
    assert (counters(theirs.encode().decode()) == counters(Encoder().encode(values))).all()


def test_one_encoder_can_be_used_again_and_again() -> None:
    encoder = Encoder()
    first, empty, second = encoder.encode([5, 7_000_000]), encoder.encode([]), encoder.encode([9])
    assert counters(first).sum() == 2
    assert counters(empty).sum() == 0
    assert list(np.flatnonzero(counters(second))) == [9]


@given(st.lists(microseconds, min_size=1, max_size=5))
def test_merged_percentiles_agree_with_a_full_sort(parts: list[list[int]]) -> None:
    found = quantiles(counters(*(Encoder().encode(each) for each in parts)))
    every = np.sort(np.concatenate(parts))
    assert found is not None
    assert found.count == len(every)
    for percent, value_ms in ((50, found.p50_ms), (90, found.p90_ms), (95, found.p95_ms), (99, found.p99_ms)):
        true_us = every[-(-len(every) * percent // 100) - 1]
        assert value_ms * 1000 == pytest.approx(true_us, rel=0.001, abs=0.5)
    assert found.max_ms * 1000 == pytest.approx(every[-1], rel=0.001, abs=0.5)
    assert found.mean_ms * 1000 == pytest.approx(every.mean(), rel=0.001, abs=0.5)


def test_values_out_of_range_are_kept_at_its_end() -> None:
    found = quantiles(counters(Encoder().encode([10 * HIGHEST_US])))
    assert found is not None
    assert found.max_ms == pytest.approx(HIGHEST_US / 1000, rel=0.001)


def test_nothing_recorded_is_no_percentile() -> None:
    assert quantiles(np.zeros(SIZE, dtype=np.int64)) is None


@given(st.data())
def test_altered_bytes_add_nothing_or_are_refused(data: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(Encoder().encode([100, 2_000, 30_000])))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    total = np.zeros(SIZE, dtype=np.int64)
    adder = Adder()
    try:
        adder.add(base64.b64encode(bytes(raw)), total)
    except DamagedError:
        assert total.sum() == 0
    before = total.copy()
    adder.add(Encoder().encode([100]).encode(), total)
    assert (total - before).sum() == 1
