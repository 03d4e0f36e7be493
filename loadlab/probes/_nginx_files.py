"""Logs of errors of an nginx that loadlab did not configure, such as one that a `command` starts. They are read where
its processes hold them open, whatever its configuration calls them: nothing is asked of it, and nothing is changed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes._tree import Member, Tree, read
from loadlab.services import Target, Targets

LOOK_S = 5.0
"""Between two looks for processes and files: those of a server stay, and a look reads all of /proc."""

STDERR = "2"
"""nginx makes its main log of errors its stderr (ngx_log_redirect_stderr); others, of an http or server block, are
known by their lines."""

LINE = re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] \d+#\d+: ")
"""How each line of a log of errors begins (ngx_log_error_core); access logs have the user's own format."""

Place = tuple[str, int, int, int]
"""Service, instance, and the file by device and inode: processes share it, and it is another after a rotation."""


class Finder:
    """Which files are logs of errors of which target, looked for now and then."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._tree = Tree(targets, proc)
        self._proc = proc
        self._at = float("-inf")
        self._others: set[Place] = set()
        self._found: dict[Place, tuple[Target, Path, int]] = {}

    def logs(self, t: float) -> dict[Place, tuple[Target, Path, int]]:
        """(target, where it can be opened, size when it was first seen) of each that was ever found."""
        if t >= self._at + LOOK_S:
            self._at = t
            for member in self._tree.members(t):
                if member.target.unit != "nginx" and read(f"{self._proc}/{member.pid}/comm").strip() == b"nginx":
                    self._look(member)
        return self._found

    def _look(self, member: Member) -> None:
        for path, status in self._written(member.pid):
            place = (member.target.service, member.target.instance, status.st_dev, status.st_ino)
            if place in self._others:
                continue
            is_log = True if place in self._found or path.name == STDERR else tells(path)
            if is_log:
                size = self._found[place][2] if place in self._found else status.st_size
                self._found[place] = (member.target, path, size)
            elif is_log is not None:
                self._others.add(place)

    def _written(self, pid: int) -> Iterable[tuple[Path, os.stat_result]]:
        """Regular files a process appends to and loadlab may read; none where it is somebody else's."""
        folder = self._proc / str(pid)
        try:
            names = sorted(os.listdir(folder / "fd"))
        except OSError:
            return
        for name in names:
            try:
                status = (folder / "fd" / name).stat()
            except OSError:
                continue
            flags = open_flags(read(str(folder / "fdinfo" / name)))
            appends = flags & os.O_ACCMODE == os.O_WRONLY and flags & os.O_APPEND
            path = folder / "fd" / name
            if stat.S_ISREG(status.st_mode) and (appends or name == STDERR) and os.access(path, os.R_OK):
                yield path, status


def tells(path: Path) -> bool | None:
    """Whether a file begins as a log of errors does; None for one that has no line yet."""
    line = read(str(path), 200)
    return bool(LINE.match(line)) if line else None


def open_flags(fdinfo: bytes) -> int:
    """What a file was opened with: `flags:\\t0102001` of /proc/PID/fdinfo/N."""
    found = re.search(rb"^flags:\s*([0-7]+)", fdinfo, re.MULTILINE)
    return int(found[1], 8) if found else 0
