"""requests.hlog: an HdrHistogram log (V2) with a tag a line. Written here, read here, readable by HdrHistogram's own
tools.

    #[Histogram log format version 1.3]
    #[StartTime: 1700000000.000 (seconds since epoch), 2023-11-14T22:13:20Z]
    #[BaseTime: 1700000000.000 (seconds since epoch)]
    Tag=latency:ok:GET%20/orders,12.000,1.000,35.231,HISTFAAAA...

Times in a line are seconds since the run's start. A torn or altered line is passed over: what is left is what is known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from loadlab.clock import iso
from loadlab.errors import RecordingError
from loadlab.load import LoadInterval
from loadlab.recording.format import COARSE_S, FORMAT, FULL_S, REQUESTS
from loadlab.recording.histogram import SIZE, Adder, Counts, DamagedError, Encoder, quantiles
from loadlab.recording.model import HistogramSource, Quantiles

Key = tuple[str, str, str]
"""what, result, endpoint; result and endpoint are "" for the lags."""

LAGS = ("schedule_lag", "reader_lag")


def tag(key: Key) -> str:
    """The tag of a line: no comma, space or newline can stand in it."""
    what, result, endpoint = key
    return what if what in LAGS else f"{what}:{quote(result, safe='')}:{quote(endpoint, safe='/')}"


def untag(text: str) -> Key | None:
    """The key of a tag; None of a tag that is not ours."""
    if text in LAGS:
        return text, "", ""
    parts = text.split(":")
    if len(parts) != 3:
        return None
    return parts[0], unquote(parts[1]), unquote(parts[2])


class LatencyLog:
    """Writes requests.hlog. One thread only. Raises OSError where the disk does not take it."""

    def __init__(self, folder: Path, wall: float) -> None:
        self._file: IO[str] = (folder / REQUESTS).open("x", encoding="ascii", newline="\n")
        self._encoder = Encoder()
        self._waiting: dict[Key, list[npt.NDArray[np.int64]]] = {}
        self._start = self._end = 0.0
        self._border = 0.0
        self._file.write(
            "#[Histogram log format version 1.3]\n"
            f"#[StartTime: {wall:.3f} (seconds since epoch), {iso(wall)}]\n"
            f"#[BaseTime: {wall:.3f} (seconds since epoch)]\n"
            f"#loadlab {FORMAT}: microseconds, tags what:result:endpoint\n"
            '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
        )
        self._file.flush()

    def border(self, t: float) -> None:
        """A phase or a level begins at t: no line may reach across it."""
        self._border = t

    def add(self, interval: LoadInterval, name: Callable[[str], str]) -> None:
        """Take one interval. `name` gives an endpoint's name as it is stored."""
        middle = (interval.start + interval.end) / 2
        if self._waiting and self._start < self._border <= middle:
            self.write()
        if not self._waiting:
            self._start = interval.start
        self._end = max(interval.end, self._start)
        for key, values in _measured(interval, name):
            self._waiting.setdefault(key, []).append(values)
        if interval.end < FULL_S or self._end - self._start >= COARSE_S:
            self.write()

    def write(self) -> None:
        """Write what waits, and hand it to the kernel: it survives a kill from here on."""
        for key, parts in self._waiting.items():
            values = np.concatenate(parts)
            self._file.write(
                f"Tag={tag(key)},{self._start:.3f},{self._end - self._start:.3f},{int(values.max()) / 1000:.3f},"
                f"{self._encoder.encode(values)}\n"
            )
        self._waiting.clear()
        self._file.flush()

    def close(self) -> None:
        """Write the rest and close."""
        try:
            self.write()
        finally:
            self._file.close()


def _measured(interval: LoadInterval, name: Callable[[str], str]) -> Iterable[tuple[Key, npt.NDArray[np.int64]]]:
    for each in interval.endpoints:
        stored = name(each.endpoint)
        if each.latency_us:
            yield ("latency", each.result, stored), np.asarray(each.latency_us, dtype=np.int64)
        if each.service_us:
            yield ("uncorrected", each.result, stored), np.asarray(each.service_us, dtype=np.int64)
    if interval.schedule_lag_us:
        yield ("schedule_lag", "", ""), np.asarray(interval.schedule_lag_us, dtype=np.int64)
    if interval.reader_lag_us:
        yield ("reader_lag", "", ""), np.asarray(interval.reader_lag_us, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the lines of one key are in the file: their middles in time, and the bytes of each payload."""

    middle: npt.NDArray[np.float64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


class HistogramLog(HistogramSource):
    """Exact percentiles of any window of a requests.hlog.

    The file is indexed once and kept as bytes; lines are decoded when a window asks for them, and the sums of the last
    KEPT windows are remembered, because a report asks for each endpoint of the same window.
    """

    KEPT = 64

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._lines = _index(data)
        self._adder = Adder()
        self._sums: OrderedDict[tuple[Key, float, float], tuple[Counts, Counts]] = OrderedDict()

    @classmethod
    def read(cls, path: Path) -> HistogramLog | None:
        """Of a file; None where there is none. Raises RecordingError where it cannot be read."""
        try:
            return cls(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error

    @property
    def keys(self) -> tuple[Key, ...]:
        """What was recorded, sorted."""
        return tuple(sorted(self._lines))

    @property
    def end(self) -> float:
        """The middle of the last line."""
        return max((float(each.middle.max()) for each in self._lines.values()), default=0.0)

    def quantiles(
        self, start: float, end: float, *, what: str, endpoint: str | None = None, result: str | None = None
    ) -> Quantiles | None:
        """See Recording.quantiles. A line belongs to a window when its middle does."""
        total: Counts = np.zeros(SIZE, dtype=np.int64)
        for key in self._lines:
            if key[0] == what and result in (None, key[1]) and endpoint in (None, key[2]):
                used, counts = self._sum(key, start, end)
                total[used] += counts
        return quantiles(total)

    def _sum(self, key: Key, start: float, end: float) -> tuple[Counts, Counts]:
        """The counters in use of one key in one window, and their counts."""
        asked = (key, start, end)
        if asked in self._sums:
            self._sums.move_to_end(asked)
            return self._sums[asked]
        lines = self._lines[key]
        total: Counts = np.zeros(SIZE, dtype=np.int64)
        for which in np.flatnonzero((lines.middle >= start) & (lines.middle <= end)):
            try:
                self._adder.add(self._data[lines.first[which] : lines.last[which]], total)
            except DamagedError:
                continue
        used = np.flatnonzero(total)
        self._sums[asked] = (used, total[used])
        if len(self._sums) > self.KEPT * max(1, len(self._lines)):
            self._sums.popitem(last=False)
        return self._sums[asked]


def _index(data: bytes) -> dict[Key, _Lines]:
    rows: dict[bytes, list[tuple[float, int, int]]] = {}
    at = 0
    while at < len(data):
        stop = data.find(b"\n", at)
        if stop < 0:
            break
        if data.startswith(b"Tag=", at):
            _index_line(data, at, stop, rows)
        at = stop + 1
    found: dict[Key, _Lines] = {}
    for name, lines in rows.items():
        key = untag(name.decode("ascii", "replace"))
        if key is not None:
            middle, first, last = zip(*lines, strict=True)
            found[key] = _Lines(np.array(middle), np.array(first), np.array(last))
    return found


def _index_line(data: bytes, at: int, stop: int, rows: dict[bytes, list[tuple[float, int, int]]]) -> None:
    parts = data[at + 4 : stop].split(b",", 4)
    try:
        name, start, length, _, payload = parts
        line = (float(start) + float(length) / 2, stop - len(payload), stop)
    except ValueError:
        return
    rows.setdefault(name, []).append(line)
