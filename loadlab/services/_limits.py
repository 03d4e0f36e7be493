"""`limits` made real, per instance: cgroups for cores and memory, rlimits for files, a network namespace (`_spaces`).
What cannot be is an error.

cpu: a cgroup's quota (version 2 or 1), else a scope of systemd. memory: a cgroup's limit (no swap), else RLIMIT_DATA,
which holds for each process by itself. files: RLIMIT_NOFILE, soft and hard.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from loadlab.errors import LimitUnavailable
from loadlab.services import Network, Space, _cgroups, _guard, _spaces
from loadlab.services._cgroups import Place
from loadlab.spec.model import Limits

PERIOD_US = 100_000
"""The kernel's default: what containers get."""
LEAST_QUOTA_US = 1_000
"""The kernel refuses less."""


class Remover(Protocol):
    """Who removes cgroups if loadlab cannot: services._guardian.Guardian."""

    def cgroup(self, path: Path) -> None:
        """A folder to remove."""
        ...


@dataclass(frozen=True)
class Means:
    """What this machine offers. cpu, memory: where to make cgroups; scope: the start of a systemd-run line."""

    cpu: Place | None = None
    memory: Place | None = None
    scope: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Applied:
    """The limits of one instance, ready for its first process."""

    cgroups: dict[str, Path] = field(default_factory=dict)
    """As Target.cgroup: "cpu", "memory", or "unified"."""
    rlimits: dict[int, int] = field(default_factory=dict)
    scope: tuple[str, ...] = ()
    note: str = ""
    space: Space | None = None

    @property
    def killed_for_memory(self) -> int:
        """How often the kernel killed a process of it for memory."""
        folder = self.cgroups.get("memory")
        unified = self.cgroups.get("unified")
        text = _text(unified / "memory.events") if unified else _text(folder / "memory.oom_control") if folder else ""
        return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)

    def remove(self) -> list[Path]:
        """The cgroups, now empty, and the network namespace; returns those that could not be removed."""
        if self.space is not None:
            os.close(self.space.descriptor)
            self.space = None
        return [each for each in dict.fromkeys(self.cgroups.values()) if not _guard.remove_cgroup(str(each))]


def means(
    proc: Path = Path("/proc"),
    environ: Mapping[str, str] = os.environ,
    which: Callable[[str], str | None] = shutil.which,
    systemd: Path = Path("/run/systemd/system"),
) -> Means:
    """What can be used here. Changes nothing."""
    cpu, why_cpu = _cgroups.place("cpu", proc)
    memory, why_memory = _cgroups.place("memory", proc)
    return Means(cpu, memory, _scope(environ, which, systemd), {"cpu": why_cpu, "memory": why_memory})


def _scope(environ: Mapping[str, str], which: Callable[[str], str | None], systemd: Path) -> tuple[str, ...]:
    """A user's own systemd makes scopes without any right beyond that user's; root has the system's."""
    command = which("systemd-run")
    if command is None or not systemd.is_dir():
        return ()
    start = (command, "--scope", "--quiet", "--collect", "--no-ask-password")
    if os.geteuid() == 0:
        return start
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return (*start, "--user") if runtime and Path(runtime, "systemd/private").exists() else ()


def limits_available(found: Means | None = None) -> dict[str, tuple[bool, str]]:
    """limit -> (whether it can be enforced, by what or why not and the way out). For `loadlab check`."""
    have = found or means()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    answers = {"cpu": (False, _no_cpu(have)), "memory": (True, "RLIMIT_DATA, for each process by itself")}
    for name, place in (("cpu", have.cpu), ("memory", have.memory)):
        if place is not None:
            answers[name] = (True, f"cgroup v{place.version} below {place.folder}")
        elif have.scope:
            answers[name] = (True, f"a scope of systemd ({' '.join(have.scope[:1])})")
    most = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    return answers | {"files": (True, f"RLIMIT_NOFILE, up to {most}")}


def apply(
    limits: Limits | None,
    name: str,
    run: str,
    guardian: Remover,
    found: Means | None = None,
    network: Network | None = None,
) -> Applied:
    """Make what an instance's limits need. name: "app-0"; run: what no other running system has. Raises
    LimitUnavailable."""
    applied = Applied()
    if limits is None:
        return applied
    have = _together(limits, found or means())
    try:
        if limits.files is not None:
            applied.rlimits[resource.RLIMIT_NOFILE] = _files(limits.files, name)
        if limits.cpu is not None:
            _cpu(applied, limits.cpu, name, run, guardian, have)
        if limits.memory_bytes is not None:
            _memory(applied, limits.memory_bytes, name, run, guardian, have)
        if network is not None:
            applied.space = _spaces.make(name, network, limits.bandwidth_bits)
    except BaseException:
        applied.remove()
        raise
    return applied


def _together(limits: Limits, have: Means) -> Means:
    """A process has one cgroup of version 2. The upper of two places serves for both: what a cgroup may share out, all
    above it do share out."""
    cpu, memory = have.cpu, have.memory
    both = limits.cpu is not None and limits.memory is not None
    if not both or cpu is None or memory is None or cpu.version != 2 or memory.version != 2:
        return have
    upper = min(cpu.folder, memory.folder, key=lambda each: len(each.parts))
    return replace(have, cpu=replace(cpu, folder=upper), memory=replace(memory, folder=upper))


def _files(count: int, name: str) -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and count > hard and os.geteuid() != 0:
        raise LimitUnavailable(
            f"{name}: limits.files = {count}, but this session may open {hard} at most; raise the hard limit "
            "(`ulimit -Hn`, /etc/security/limits.conf) or ask for less"
        )
    return count


def _cpu(applied: Applied, cores: float, name: str, run: str, guardian: Remover, have: Means) -> None:
    quota = max(LEAST_QUOTA_US, round(cores * PERIOD_US))
    if have.cpu is None:
        if not have.scope:
            raise LimitUnavailable(f"{name}: limits.cpu = {cores:g} cannot be enforced here. {_no_cpu(have)}")
        applied.scope = (*(applied.scope or have.scope), "-p", f"CPUQuota={cores * 100:g}%")
        return
    folder = _make(have.cpu, "cpu", name, run, guardian)
    applied.cgroups["unified" if have.cpu.version == 2 else "cpu"] = folder
    if have.cpu.version == 2:
        _write(folder / "cpu.max", f"{quota} {PERIOD_US}", name)
    else:
        _write(folder / "cpu.cfs_period_us", str(PERIOD_US), name)
        _write(folder / "cpu.cfs_quota_us", str(quota), name)


def _memory(applied: Applied, size: int, name: str, run: str, guardian: Remover, have: Means) -> None:
    if have.memory is None:
        if have.scope:
            applied.scope = (*(applied.scope or have.scope), "-p", f"MemoryMax={size}", "-p", "MemorySwapMax=0")
            return
        applied.rlimits[resource.RLIMIT_DATA] = size
        applied.note = f"{name}: limits.memory holds for each of its processes by itself: {have.why.get('memory', '')}"
        return
    folder = _make(have.memory, "memory", name, run, guardian)
    applied.cgroups["unified" if have.memory.version == 2 else "memory"] = folder
    if have.memory.version == 2:
        _write(folder / "memory.max", str(size), name)
        _write_if_there(folder / "memory.swap.max", "0", name)
    else:
        _write(folder / "memory.limit_in_bytes", str(size), name)
        _write_if_there(folder / "memory.memsw.limit_in_bytes", str(size), name)


def _make(place: Place, controller: str, name: str, run: str, guardian: Remover) -> Path:
    """Its folder. The guardian hears of it first: one that never comes to be is removed as easily."""
    folder = place.folder / f"loadlab-{run[:12]}-{name}"
    guardian.cgroup(folder)
    try:
        if place.enable and controller not in (place.folder / "cgroup.subtree_control").read_text().split():
            (place.folder / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")
        folder.mkdir(exist_ok=place.version == 2)
    except OSError as error:
        raise LimitUnavailable(
            f"{name}: limits.{controller}: no cgroup could be made in {place.folder}: {error}"
        ) from error
    return folder


def _write(path: Path, value: str, name: str) -> None:
    try:
        path.write_text(value, encoding="ascii")
    except OSError as error:
        raise LimitUnavailable(
            f"{name}: the kernel refused {path.name} = {value} ({error.strerror}): more than the cgroup above it "
            f"({path.parent.parent}) allows? Ask for less, or run outside of that limit"
        ) from error


def _write_if_there(path: Path, value: str, name: str) -> None:
    """Kernels without swap accounting have no such file; nothing is swapped out of such a cgroup unseen, then."""
    if path.exists():
        _write(path, value, name)


def _no_cpu(have: Means) -> str:
    why = have.why.get("cpu") or "none can be made"
    return (
        f"It needs a cgroup ({why}) or a running systemd: run loadlab as root, in a login session of systemd "
        "(`loginctl enable-linger` on a server), or in a container started with its cgroup writable; or leave "
        "limits.cpu out"
    )


def _text(path: Path) -> str:
    return _guard.content(str(path)).decode("ascii", "replace")
