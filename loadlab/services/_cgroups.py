"""Where on this machine a cgroup can be made. Reads /proc and the cgroup file system, changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CONTROLLERS = ("cpu", "memory")
OCTAL = re.compile(r"\\(\d{3})")


@dataclass(frozen=True)
class Mount:
    """A mounted hierarchy. root: the cgroup that its folder shows; controllers: empty for version 2."""

    folder: Path
    root: PurePosixPath
    version: int
    controllers: frozenset[str]


@dataclass(frozen=True)
class Place:
    """A cgroup below which this process may make others. enable: the controller has first to be switched on there."""

    folder: Path
    version: int
    enable: bool = False


def mounts(mountinfo: str) -> list[Mount]:
    """The cgroup hierarchies of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if len(left) < 5 or len(right) < 3 or right[0] not in ("cgroup", "cgroup2"):
            continue
        version = 2 if right[0] == "cgroup2" else 1
        options = frozenset(right[2].split(",")) if version == 1 else frozenset()
        found.append(Mount(Path(_plain(left[4])), PurePosixPath(_plain(left[3])), version, options))
    return found


def memberships(text: str) -> dict[str, PurePosixPath]:
    """controller -> cgroup, of /proc/PID/cgroup; "" for version 2."""
    found = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for each in controllers.split(","):
            found[each] = PurePosixPath(path)
    return found


def own_folder(mount: Mount, path: PurePosixPath) -> Path | None:
    """Where a process's cgroup is seen; None where it lies outside of what is mounted."""
    if ".." in path.parts or not path.is_relative_to(mount.root):
        return None
    return mount.folder / path.relative_to(mount.root)


def place(
    controller: str, proc: Path = Path("/proc"), writable: Callable[[Path], bool] | None = None
) -> tuple[Place | None, str]:
    """Where a cgroup with this controller can be made; else None and why not.

    Always at or above this process's own cgroup, as near as possible: what limits loadlab also limits what it starts.
    """
    may = writable or _writable
    try:
        known = mounts((proc / "self/mountinfo").read_text(encoding="utf-8"))
        mine = memberships((proc / "self/cgroup").read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        return None, f"cgroups cannot be read: {error}"
    reasons = []
    for mount in sorted(known, key=lambda each: -each.version):
        if mount.version == 1 and controller not in mount.controllers:
            continue
        path = mine.get("" if mount.version == 2 else controller)
        folder = own_folder(mount, path) if path is not None else None
        if folder is None:
            reasons.append(f"this process's cgroup is not below {mount.folder}")
            continue
        found, why = _unified(controller, mount, folder, may) if mount.version == 2 else _classic(folder, may)
        if found is not None:
            return found, ""
        reasons.append(why)
    return None, "; ".join(reasons) or f"no cgroup hierarchy with {controller} is mounted"


def _classic(folder: Path, may: Callable[[Path], bool]) -> tuple[Place | None, str]:
    if may(folder):
        return Place(folder, 1), ""
    return None, f"{folder} may not be written in"


def _unified(controller: str, mount: Mount, folder: Path, may: Callable[[Path], bool]) -> tuple[Place | None, str]:
    """Version 2 gives children a controller only where their parent shares it out, and lets only a cgroup without
    processes of its own, or the root, share out."""
    why = f"{mount.folder} has no {controller} controller"
    for here in _upwards(folder, mount.folder):
        if controller not in _words(here / "cgroup.controllers"):
            continue
        if not (may(here) and may(here / "cgroup.procs")):
            why = f"{here} may not be written in"
        elif controller in _words(here / "cgroup.subtree_control"):
            return Place(here, 2), ""
        elif not may(here / "cgroup.subtree_control"):
            why = f"{here} does not share out {controller}, and may not be told to"
        elif _is_root(here) or not _words(here / "cgroup.procs"):
            return Place(here, 2, enable=True), ""
        else:
            why = f"{here} holds processes itself, so it cannot share out {controller}"
    return None, why


def _upwards(folder: Path, top: Path) -> Iterator[Path]:
    yield folder
    for each in folder.parents:
        if not each.is_relative_to(top):
            return
        yield each


def _is_root(folder: Path) -> bool:
    """The root alone has no type, and is excepted from the rule."""
    return not (folder / "cgroup.type").exists()


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _plain(text: str) -> str:
    """mountinfo writes a space as \\040."""
    return OCTAL.sub(lambda found: chr(int(found[1], 8)), text)
