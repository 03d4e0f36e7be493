"""What the files of a control group say, in both versions, under the names of the probe's columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadlab.probes._proc_text import text

NO_LIMIT = 1 << 60
"""cgroup v1 writes a number near 2**63 where there is no memory limit."""


def memberships(content: str, root: Path) -> dict[str, Path]:
    """Folder by controller, from /proc/PID/cgroup; the root groups, which limit nothing, left out."""
    found = {}
    for line in content.splitlines():
        _, names, path = line.split(":", 2)
        if path == "/":
            continue
        if not names and (root / path.lstrip("/") / "cgroup.controllers").exists():
            found["unified"] = root / path.lstrip("/")
        for name in (each for each in names.split(",") if each and "=" not in each):
            found[name] = root / name / path.lstrip("/")
    return found


def v2(folder: Path) -> dict[str, float]:
    """The unified hierarchy."""
    found: dict[str, float] = {}
    quota = text(folder / "cpu.max").split()
    if len(quota) == 2 and quota[0] != "max":
        found["quota_cores"] = int(quota[0]) / int(quota[1])
    stat = keyed(text(folder / "cpu.stat"))
    _copy(found, stat, periods="nr_periods", throttled_periods="nr_throttled")
    found |= {
        name: stat[key] / 1e6
        for name, key in (("throttled_s", "throttled_usec"), ("usage_s", "usage_usec"))
        if key in stat
    }
    limit = text(folder / "memory.max").strip()
    if limit.isdigit():
        found["memory_limit_bytes"] = float(limit)
    _number(found, "memory_usage_bytes", folder / "memory.current")
    _copy(found, keyed(text(folder / "memory.events")), memory_max_events="max", oom_kills="oom_kill")
    _refaults(found, keyed(text(folder / "memory.stat")))
    return found


def v1_cpu(folders: Mapping[str, Path]) -> dict[str, float]:
    """The cpu and cpuacct hierarchies."""
    found: dict[str, float] = {}
    if "cpu" not in folders:
        return found
    folder = folders["cpu"]
    quota, period = text(folder / "cpu.cfs_quota_us").strip(), text(folder / "cpu.cfs_period_us").strip()
    if quota.isdigit() and period.isdigit():
        found["quota_cores"] = int(quota) / int(period)
    stat = keyed(text(folder / "cpu.stat"))
    _copy(found, stat, periods="nr_periods", throttled_periods="nr_throttled")
    if "throttled_time" in stat:
        found["throttled_s"] = stat["throttled_time"] / 1e9
    usage = text(folders.get("cpuacct", folder) / "cpuacct.usage").strip()
    if usage.isdigit():
        found["usage_s"] = int(usage) / 1e9
    return found


def v1_memory(folders: Mapping[str, Path]) -> dict[str, float]:
    """The memory hierarchy."""
    found: dict[str, float] = {}
    if "memory" not in folders:
        return found
    folder = folders["memory"]
    limit = text(folder / "memory.limit_in_bytes").strip()
    if limit.isdigit() and int(limit) < NO_LIMIT:
        found["memory_limit_bytes"] = float(limit)
    _number(found, "memory_usage_bytes", folder / "memory.usage_in_bytes")
    # With a limit of memory and swap together, as containers without swap have, that one is met first; Linux 6.18 then
    # counts neither, and what is read back has to tell.
    hits = [text(folder / name).strip() for name in ("memory.failcnt", "memory.memsw.failcnt")]
    if any(each.isdigit() for each in hits):
        found["memory_max_events"] = float(sum(int(each) for each in hits if each.isdigit()))
    _copy(found, keyed(text(folder / "memory.oom_control")), oom_kills="oom_kill")
    _refaults(found, keyed(text(folder / "memory.stat")))
    return found


def _refaults(found: dict[str, float], stat: Mapping[str, float]) -> None:
    """Files' pages and the program's own; of version 1 with the groups below."""
    for prefix in ("total_workingset_refault_", "workingset_refault_"):
        pages = [stat[prefix + of] for of in ("file", "anon") if prefix + of in stat]
        if pages:
            found["refaulted_pages"] = sum(pages)
            return


def keyed(content: str) -> dict[str, float]:
    """ "name value" lines."""
    words = (line.split() for line in content.splitlines())
    return {each[0]: float(each[1]) for each in words if len(each) == 2 and each[1].isdigit()}


def _copy(found: dict[str, float], stat: Mapping[str, float], **names: str) -> None:
    found |= {name: stat[key] for name, key in names.items() if key in stat}


def _number(found: dict[str, float], name: str, path: Path) -> None:
    value = text(path).strip()
    if value.isdigit():
        found[name] = float(value)
