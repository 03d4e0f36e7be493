"""A series of numbers in a file, which all workers share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Series:
    """Numbers from 1. The file holds the last one given."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    @contextmanager
    def next(self) -> Iterator[int]:
        """The next number; it is taken once the block has ended well, so that none is left out."""
        with self._path.open("r+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            number = int(file.read() or 0) + 1
            yield number
            file.seek(0)
            file.write(str(number))
            file.flush()
            os.ftruncate(file.fileno(), file.tell())
