"""Where a run took place: the machine, the versions, the commit. Taken once, at the start, and never asked of the
reader's machine."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

CGROUPS = Path("/sys/fs/cgroup")
GIT_S = 5.0
"""git answers in milliseconds; a repository on a dead network drive must not hold up a run."""


def take(proc: Path = Path("/proc"), cgroups: Path = CGROUPS) -> dict[str, Any]:
    """The machine part of Meta. What cannot be told is None; nothing raises.

    cores: whole cores this process may use (affinity, and its cgroup's quota rounded down, at least 1); cores_online:
    of the host; quota_cores: the quota itself; nofile: soft and hard limit of open files; cgroup: "v1" | "v2" |
    "none".
    """
    version = cgroup_version(cgroups)
    affinity = len(os.sched_getaffinity(0))
    quota = quota_cores(version, _text(proc / "self/cgroup"), cgroups)
    return {
        "cores": max(1, affinity if quota is None else min(affinity, int(quota))),
        "cores_online": os.cpu_count() or affinity,
        "quota_cores": quota,
        "memory_bytes": _memory_bytes(_text(proc / "meminfo")),
        "kernel": platform.release(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpu_model": _cpu_model(_text(proc / "cpuinfo")),
        "cgroup": version,
        "clock_ticks": os.sysconf("SC_CLK_TCK"),
        "somaxconn": _number(_text(proc / "sys/net/core/somaxconn")),
        "ip_local_port_range": [int(each) for each in _text(proc / "sys/net/ipv4/ip_local_port_range").split()],
        "nofile": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
    }


def versions(packages: Iterable[str] = ("locust", "py-spy")) -> dict[str, str]:
    """Installed versions, Python's own included; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit(folder: Path) -> str:
    """The git commit a folder is at; "" where it is in no repository or git is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout.decode("ascii", "replace").strip() if done.returncode == 0 else ""


def cgroup_version(cgroups: Path = CGROUPS) -> str:
    """ "v2" where the unified hierarchy is mounted alone, "v1" where there is a cpu controller of its own, else
    "none"."""
    if (cgroups / "cgroup.controllers").exists():
        return "v2"
    return "v1" if any((cgroups / name).is_dir() for name in ("cpu", "cpu,cpuacct")) else "none"


def quota_cores(version: str, membership: str, cgroups: Path = CGROUPS) -> float | None:
    """The smallest CPU quota from our own cgroup up to the root, in cores; None where there is none.

    membership: the text of /proc/self/cgroup.
    """
    paths = dict(_memberships(membership))
    if version == "v2":
        root, path, read = cgroups, paths.get("", "/"), _quota_v2
    elif version == "v1":
        name = "cpu" if (cgroups / "cpu").is_dir() else "cpu,cpuacct"
        root, path, read = cgroups / name, paths.get("cpu", "/"), _quota_v1
    else:
        return None
    here = root / path.strip("/")
    if not here.is_dir():
        # In a container the path is the host's, while what is mounted is our own group's folder.
        here = root
    folders = [here, *(each for each in here.parents if each.is_relative_to(root))]
    return min((quota for quota in map(read, folders) if quota is not None), default=None)


def _memberships(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                yield controller, parts[2]


def _quota_v2(folder: Path) -> float | None:
    parts = _text(folder / "cpu.max").split()
    return _cores(parts[0], parts[1]) if len(parts) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    return _cores(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _cores(quota: str, period: str) -> float | None:
    amount, length = _number(quota), _number(period)
    return amount / length if amount and length and amount > 0 else None


def _memory_bytes(meminfo: str) -> int | None:
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        if name == "MemTotal":
            kilobytes = _number(rest.split()[0]) if rest.split() else None
            return kilobytes * 1024 if kilobytes is not None else None
    return None


def _cpu_model(cpuinfo: str) -> str | None:
    """x86 says "model name", some ARM machines "Model" or nothing at all."""
    for line in cpuinfo.splitlines():
        name, _, rest = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return rest.strip()
    return None


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
