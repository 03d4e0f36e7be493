"""Reads on in a file that grows, such as a log."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 16 << 20
"""Read in one tick; more is left for the next. A line of refusal has 200 bytes, and 30,000 a second were seen."""


class Follower:
    """From where it stopped; a torn last line is kept for the next time. inode: device and inode it has to be; another
    file at its path is another log."""

    def __init__(self, path: Path, offset: int = 0, inode: tuple[int, int] | None = None) -> None:
        self.path = path
        self._inode = inode
        self._offset = offset

    def lines(self) -> bytes:
        """What is new, in whole lines. A file that is not there yet has nothing new; one that was emptied starts again.
        One that may not be read raises."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if self._inode not in (None, (status.st_dev, status.st_ino)):
                    return b""
                if status.st_size < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                data = file.read(MOST_BYTES)
        except FileNotFoundError:
            return b""
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole
