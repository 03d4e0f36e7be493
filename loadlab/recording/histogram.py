"""HdrHistograms as numpy arrays: the bucket arithmetic, the codec and the percentiles. Pure.

The library records a value in 2 us and decodes a histogram in 0.4 ms because both run in Python; its codec is C. So
values are put into buckets here, whole arrays at once, and the library's codec writes and reads the bytes: other
tools see no difference (tests/recording/test_histogram.py holds this arithmetic against the library's).
"""

from __future__ import annotations

import base64
import binascii
import zlib
from ctypes import addressof, c_ulonglong
from typing import Any

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram
from pyhdrh import decode as decode_counts  # type: ignore[import-not-found]

from loadlab.recording.model import Quantiles

Counts = npt.NDArray[np.int64]

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
"""An hour: longer than any client waits."""
DIGITS = 3

HALF_BITS = 10
"""A bucket has 2**11 = 2048 parts, the smallest power of two with three digits; each further bucket doubles its
width."""
HALF = 1 << HALF_BITS
SIZE = 23 * HALF
"""Counters of a histogram over 1 us to 1 h."""

HEADER_BYTES = 8
PAYLOAD_HEADER_BYTES = 40
COMPRESSED_COOKIE = 0x1C849304
ENCODED_COOKIE = 0x1C849303
COOKIE_MASK = 0xFFFFFF0F
"""The second half byte of a cookie is the size of a word, not part of the mark."""


class DamagedError(ValueError):
    """Bytes that are not a histogram of ours: torn or altered."""


def indices(values_us: npt.ArrayLike) -> Counts:
    """The counter of each value (whole microseconds; clipped to 0..1 h)."""
    clipped = np.clip(np.asarray(values_us), 0, HIGHEST_US).astype(np.int64)
    _, exponent = np.frexp(clipped.astype(np.float64))
    bucket = np.maximum(exponent.astype(np.int64) - 1 - HALF_BITS, 0)
    found: Counts = (bucket << HALF_BITS) + (clipped >> bucket)
    return found


def midpoints_us(index: Counts) -> npt.NDArray[np.float64]:
    """The middle of each counter's range, in microseconds: at most 0.05% off any value in it."""
    bucket = np.maximum((index >> HALF_BITS) - 1, 0)
    low = (index - (bucket << HALF_BITS)) << bucket
    middle: npt.NDArray[np.float64] = low + ((1 << bucket) - 1) / 2
    return middle


class Encoder:
    """Turns values into the text of a histogram (V2, compressed, base64). Not thread-safe: it reuses one array."""

    def __init__(self) -> None:
        self._histogram: Any = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self._counts = np.frombuffer(self._histogram.encoder.get_counts(), dtype=np.uint64)

    def encode(self, values_us: npt.ArrayLike) -> str:
        """The histogram of these values. An empty array gives an empty histogram."""
        used, counts = np.unique(indices(values_us), return_counts=True)
        if len(used) == 0:
            self._histogram.set_internal_tacking_values(-1, -1, 0)
            return str(self._histogram.encode().decode("ascii"))
        self._counts[used] = counts
        try:
            self._histogram.set_internal_tacking_values(int(used[0]), int(used[-1]), int(counts.sum()))
            return str(self._histogram.encode().decode("ascii"))
        finally:
            self._counts[used] = 0


class Adder:
    """Adds encoded histograms up. The library's C decoder writes into one reused array: 0.02 ms instead of 0.4."""

    def __init__(self) -> None:
        self._buffer = (c_ulonglong * SIZE)()
        self._scratch = np.frombuffer(memoryview(self._buffer), dtype=np.uint64)

    def add(self, encoded: bytes, total: Counts) -> None:
        """Add one histogram to `total` (SIZE counters). Raises DamagedError, and then has added nothing."""
        data = unpack(encoded)
        try:
            found = decode_counts(data, PAYLOAD_HEADER_BYTES, addressof(self._buffer), SIZE, 8)
        except (ValueError, IndexError, OverflowError, MemoryError) as error:
            self._scratch[:] = 0
            raise DamagedError(f"a histogram cannot be decoded: {error}") from error
        if found["total"]:
            part = slice(found["min_nonzero_index"], found["max_nonzero_index"] + 1)
            total[part] += self._scratch[part].astype(np.int64)
            self._scratch[part] = 0


def unpack(encoded: bytes) -> bytes:
    """The payload of an encoded histogram, header included, checked to be one with our range and precision."""
    try:
        raw = base64.b64decode(encoded, validate=True)
        length = int.from_bytes(raw[4:HEADER_BYTES], "big")
        cookie = int.from_bytes(raw[:4], "big") & COOKIE_MASK
        if cookie != COMPRESSED_COOKIE & COOKIE_MASK or length != len(raw) - HEADER_BYTES:
            raise DamagedError("not a compressed HdrHistogram, or cut off")
        data = zlib.decompress(raw[HEADER_BYTES:])
    except (binascii.Error, zlib.error) as error:
        raise DamagedError(f"a histogram cannot be decoded: {error}") from error
    if (
        len(data) < PAYLOAD_HEADER_BYTES
        or int.from_bytes(data[:4], "big") & COOKIE_MASK != ENCODED_COOKIE & COOKIE_MASK
    ):
        raise DamagedError("not a V2 HdrHistogram")
    digits, lowest = int.from_bytes(data[12:16], "big"), int.from_bytes(data[16:24], "big")
    if (digits, lowest) != (DIGITS, LOWEST_US) or int.from_bytes(data[24:32], "big") != HIGHEST_US:
        raise DamagedError("a histogram of another range or precision")
    return data


def quantiles(counts: Counts) -> Quantiles | None:
    """Percentiles (nearest rank) of counters, in milliseconds; None of an empty histogram."""
    used = np.flatnonzero(counts)
    if len(used) == 0:
        return None
    values = midpoints_us(used) / 1000
    cumulated = np.cumsum(counts[used])
    total = int(cumulated[-1])
    ranks = np.array([rank(total, each) for each in (50, 90, 95, 99)])
    p50, p90, p95, p99 = (float(each) for each in values[np.searchsorted(cumulated, ranks)])
    mean = float(np.dot(values, counts[used]) / total)
    return Quantiles(total, mean, p50, p90, p95, p99, float(values[-1]))


def rank(total: int, percent: int) -> int:
    """The nearest rank, in whole numbers: the smallest k with k/total >= percent/100."""
    return max(1, -(-total * percent // 100))
