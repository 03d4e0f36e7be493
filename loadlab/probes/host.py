"""Host: the whole machine

What: CPU times, pressure stall totals, memory, swapping, connections the kernel dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._proc_text import TIMES, cpu, pairs, psi, text
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "host"
INTERVAL_S = 0.5
METRICS = (
    *(Metric(f"cpu_{name}_s", "s", "counter", f"{name} time of all cores together") for name in TIMES),
    Metric("psi_cpu_some_s", "s", "counter", "time some task waited for a core"),
    Metric("psi_memory_some_s", "s", "counter", "time some task waited for memory"),
    Metric("psi_memory_full_s", "s", "counter", "time all tasks waited for memory"),
    Metric("psi_io_some_s", "s", "counter", "time some task waited for a disk"),
    Metric("psi_io_full_s", "s", "counter", "time all tasks waited for a disk"),
    Metric("memory_total_bytes", "bytes", "gauge", "memory of the machine"),
    Metric("memory_available_bytes", "bytes", "gauge", "memory to be had without swapping"),
    Metric("swap_used_bytes", "bytes", "gauge", "swap in use"),
    Metric("pswpin_pages", "1", "counter", "pages read back from swap"),
    Metric("pswpout_pages", "1", "counter", "pages written to swap"),
    Metric("listen_overflows", "1", "counter", "connections that found an accept queue full"),
    Metric("listen_drops", "1", "counter", "connections dropped by listening sockets, for any reason"),
    Metric("tcp_retrans_segs", "1", "counter", "TCP segments sent again"),
    Metric("tcp_out_segs", "1", "counter", "TCP segments sent"),
    Metric("tcp_active_opens", "1", "counter", "TCP connections opened from this host"),
    Metric("tcp_time_wait", "1", "gauge", "connections in TIME_WAIT"),
    Metric("context_switches", "1", "counter", "context switches of all cores"),
    Metric("procs_running", "1", "gauge", "tasks running or ready to run"),
)


class Host:
    """The open probe."""

    def __init__(self, proc: Path, targets: Targets) -> None:
        self._proc = proc
        self._targets = targets
        self._apart: dict[str, dict[str, float]] = {}
        """What was counted in each network namespace of an instance, by its address, when it was last seen."""

    def read(self, _t: float) -> Iterable[Row]:
        """One row."""
        texts = {name: text(self._proc / name) for name in ("stat", "meminfo", "vmstat")}
        pressure = {name: text(self._proc / "pressure" / name) for name in ("cpu", "memory", "io")}
        values = parse(texts, pressure)
        for target in self._targets.now():
            if target.space is not None and (seen := network(self._proc / str(target.pid) / "net")):
                self._apart[target.space.address] = seen
        for counted in (network(self._proc / "net"), *self._apart.values()):
            for name, value in counted.items():
                values[name] = values.get(name, 0.0) + value
        return [(Entity("host"), tuple(values.get(each.name) for each in METRICS))]

    def close(self) -> None:
        """Nothing is kept open."""


def open(targets: Targets, proc: Path = Path("/proc")) -> Host:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Host(proc, targets)


def parse(texts: Mapping[str, str], pressure: Mapping[str, str]) -> dict[str, float]:
    """Metrics by name; what a kernel does not tell is left out."""
    found = cpu(texts["stat"])
    for name, content in pressure.items():
        for kind, total in psi(content).items():
            found[f"psi_{name}_{kind}_s"] = total
    memory = {
        line.split(":")[0]: float(line.split()[1]) * 1024 for line in texts["meminfo"].splitlines() if ":" in line
    }
    if "MemTotal" in memory:
        found["memory_total_bytes"] = memory["MemTotal"]
        found["memory_available_bytes"] = memory.get("MemAvailable", memory.get("MemFree", 0.0))
        found["swap_used_bytes"] = memory.get("SwapTotal", 0.0) - memory.get("SwapFree", 0.0)
    pages = dict(line.split()[:2] for line in texts["vmstat"].splitlines() if line.startswith("pswp"))
    found |= {f"{name}_pages": float(value) for name, value in pages.items()}
    return found


def network(folder: Path) -> dict[str, float]:
    """What one network namespace counts, from a folder like /proc/net; what cannot be read is left out."""
    return counts(text(folder / "netstat"), text(folder / "snmp"), text(folder / "sockstat"))


def counts(netstat: str, snmp: str, sockstat: str) -> dict[str, float]:
    """The same, from the texts."""
    found: dict[str, float] = {}
    tcp = {**pairs(netstat, "TcpExt:"), **pairs(snmp, "Tcp:")}
    for name, key in (
        ("listen_overflows", "ListenOverflows"),
        ("listen_drops", "ListenDrops"),
        ("tcp_retrans_segs", "RetransSegs"),
        ("tcp_out_segs", "OutSegs"),
        ("tcp_active_opens", "ActiveOpens"),
    ):
        if key in tcp:
            found[name] = tcp[key]
    for line in sockstat.splitlines():
        words = line.split()
        if line.startswith("TCP:") and "tw" in words:
            found["tcp_time_wait"] = float(words[words.index("tw") + 1])
    return found
