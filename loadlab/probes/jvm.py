"""Java: collections and stops of the virtual machine, from the counters it keeps for `jstat`

What: HotSpot writes its counters into a file that it maps (hsperfdata): time spent collecting, how often, for how long
all its threads stood at a safepoint, and how full the old generation was after the last collection. It is read from
outside; nothing is attached. Virtual machines started with -XX:-UsePerfData have none.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._tree import Member, Tree
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "process"
INTERVAL_S = 0.5
METRICS = (
    Metric("gc_s", "s", "counter", "time its collectors stopped the program, or worked beside it"),
    Metric("collections", "1", "counter", "collections"),
    Metric("stopped_s", "s", "counter", "time all of its threads stood at a safepoint, collections included"),
    Metric("old_bytes", "bytes", "gauge", "used in the old generation: what outlived several collections"),
)
MAPPED = re.compile(rb"\s(/\S*/hsperfdata_[^/\s]+/\d+)$", re.MULTILINE)
LOOKS_FOR_S = 15.0
"""How long a new process is looked at: it is a shell, or loadlab itself, before it is a virtual machine."""
MAGIC, LITTLE_ENDIAN, HEAD, ENTRY = 0xCAFEC0C0, 1, struct.Struct("<IIqII"), struct.Struct("<IIIBBBBI")
LONG = ord("J")


class Machines:
    """The open probe: the file of each process that maps one."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._tree = Tree(targets, proc)
        self._proc = proc
        self._files: dict[tuple[int, int], Path] = {}
        self._since: dict[tuple[int, int], float] = {}

    def read(self, t: float) -> Iterable[Row]:
        """One row for each virtual machine."""
        found = []
        for member in self._tree.members(t):
            path = self._file(member, t)
            values = values_of(counters(_bytes(path))) if path is not None else None
            if values is not None:
                where = Entity("process", member.target.service, member.target.instance, member.pid)
                found.append((where, values))
        return found

    def close(self) -> None:
        """Nothing is kept open."""

    def _file(self, member: Member, t: float) -> Path | None:
        key = (member.pid, member.started_ticks)
        if key not in self._files and t - self._since.setdefault(key, t) <= LOOKS_FOR_S:
            match = MAPPED.search(_bytes(self._proc / str(member.pid) / "maps"))
            if match is not None:
                # The process may have a root of its own: a container.
                self._files[key] = self._proc / str(member.pid) / f"root{match[1].decode()}"
        return self._files.get(key)


def _bytes(path: Path) -> bytes:
    """b"" where it is gone or not permitted."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def counters(data: bytes) -> Mapping[str, int]:
    """The numbers in such a file, by name; {} where it is none, or not finished. The format is that of
    jdk.internal.perf.PerfDataBuffer, version 2, little-endian."""
    if len(data) < 8 + HEAD.size or struct.unpack(">I", data[:4])[0] != MAGIC:
        return {}
    order, version, accessible = data[4], data[5], data[7]
    if (order, version, accessible) != (LITTLE_ENDIAN, 2, 1):
        return {}
    *_, at, many = HEAD.unpack_from(data, 8)
    found = {}
    for _ in range(many):
        if at + ENTRY.size > len(data):
            break
        length, name_at, vector, kind, _flags, _units, _varies, value_at = ENTRY.unpack_from(data, at)
        if length < ENTRY.size or at + length > len(data):
            break
        if kind == LONG and vector == 0 and value_at + 8 <= length:
            name = data[at + name_at : at + length].split(b"\0", 1)[0].decode("utf-8", "replace")
            found[name] = int.from_bytes(data[at + value_at : at + value_at + 8], "little", signed=True)
        at += length
    return found


def values_of(known: Mapping[str, int]) -> tuple[float | None, ...] | None:
    """In the order of METRICS; None where nothing is known."""
    ticks = known.get("sun.os.hrt.frequency", 0)
    if ticks <= 0:
        return None
    collectors = [name for name in known if re.fullmatch(r"sun\.gc\.collector\.\d+\.time", name)]
    stopped = known.get("sun.rt.safepointTime")
    old = known.get("sun.gc.generation.1.space.0.used")
    return (
        sum(known[each] for each in collectors) / ticks,
        float(sum(known.get(each.replace(".time", ".invocations"), 0) for each in collectors)),
        None if stopped is None else stopped / ticks,
        None if old is None else float(old),
    )


def open(targets: Targets, proc: Path = Path("/proc")) -> Machines:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Machines(targets, proc)
