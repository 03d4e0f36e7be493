"""Texts of /proc, taken apart. Pure, but for `text` and `count`, which read."""

from __future__ import annotations

import os
import re
from pathlib import Path

TIMES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
CAUGHT = re.compile(rb"^SigCgt:\s*([0-9a-f]+)", re.MULTILINE)
ALLOWED = re.compile(rb"^Cpus_allowed:\s*([0-9a-f,]+)", re.MULTILINE)
TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


def cpu(stat: str) -> dict[str, float]:
    """CPU seconds by kind, switches and runnable tasks of /proc/stat."""
    found: dict[str, float] = {}
    for line in stat.splitlines():
        words = line.split()
        if words and words[0] == "cpu":
            found |= {f"cpu_{name}_s": int(v) * TICK_S for name, v in zip(TIMES, words[1:9], strict=False)}
        elif words and words[0] == "ctxt":
            found["context_switches"] = float(words[1])
        elif words and words[0] == "procs_running":
            found["procs_running"] = float(words[1])
    return found


def psi(content: str) -> dict[str, float]:
    """Total seconds of "some" and "full" of a pressure file."""
    found = {}
    for line in content.splitlines():
        kind, *rest = line.split()
        total = next((each for each in rest if each.startswith("total=")), None)
        if total is not None:
            found[kind] = int(total[6:]) / 1e6
    return found


def pairs(content: str, prefix: str) -> dict[str, float]:
    """The name and value lines of /proc/net/netstat and snmp for one protocol."""
    lines = [line.split()[1:] for line in content.splitlines() if line.startswith(prefix)]
    return {name: float(value) for name, value in zip(*lines[:2], strict=False)} if len(lines) >= 2 else {}


def text(path: Path) -> str:
    """A file of /proc; "" where it is missing or not permitted."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def catches(status: bytes, number: int) -> bool:
    """Whether a process has a handler for a signal, told by its /proc/PID/status: one that has none may be ended by
    it."""
    caught = CAUGHT.search(status)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def parse_schedstat(raw: bytes) -> tuple[float, float, int] | None:
    """Seconds on CPU, seconds ready but not running, and how often it was put on a CPU; None where the kernel keeps
    none (Documentation/scheduler/sched-stats.rst)."""
    parts = raw.split()
    return (int(parts[0]) / 1e9, int(parts[1]) / 1e9, int(parts[2])) if len(parts) >= 3 else None


def parse_switches(raw: bytes) -> tuple[int, int]:
    """Voluntary and involuntary context switches of a status file."""
    found = {b"voluntary_ctxt_switches": 0, b"nonvoluntary_ctxt_switches": 0}
    for line in raw.splitlines()[-3:]:
        name, _, value = line.partition(b":")
        if name in found:
            found[name] = int(value)
    return found[b"voluntary_ctxt_switches"], found[b"nonvoluntary_ctxt_switches"]


def parse_allowed(raw: bytes) -> int:
    """The cores that a thread may run on, a bit for each, of its status file: "ff,ffffffff" in words of 32. 0 where it
    is not told."""
    found = ALLOWED.search(raw)
    return int(found[1].replace(b",", b""), 16) if found is not None else 0


def bits(mask: int) -> tuple[float | None, float | None]:
    """How many bits are set, and which is the lowest; None where the kernel did not say."""
    return (float(mask.bit_count()), float((mask & -mask).bit_length() - 1)) if mask else (None, None)


def soft_limit(raw: bytes) -> float | None:
    """The soft open-file limit of a limits file; None where it cannot be read, inf where there is none."""
    for line in raw.splitlines():
        if line.startswith(b"Max open files"):
            value = line[len(b"Max open files") :].split()[0]
            return float("inf") if value == b"unlimited" else float(value)
    return None


def count(folder: str) -> float | None:
    """Entries of a folder; None where it may not be read."""
    try:
        return float(len(os.listdir(folder)))
    except OSError:
        return None


def time_wait(sockstat: str) -> int:
    """Connections in TIME_WAIT on this host."""
    for line in sockstat.splitlines():
        words = line.split()
        if line.startswith("TCP:") and "tw" in words:
            return int(words[words.index("tw") + 1])
    return 0


def span(bounds: str) -> float | None:
    """ "32768 60999" -> 28232.0; None where the kernel does not say."""
    words = bounds.split()
    return float(int(words[1]) - int(words[0]) + 1) if len(words) == 2 and all(map(str.isdigit, words)) else None
