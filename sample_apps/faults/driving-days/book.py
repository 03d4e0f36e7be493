"""A book of one lorry: marks, one a line, which are on the disk once they are kept."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


class Book:
    """In a file of its own."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def keep(self, marks: Iterable[bytes], *, each: bool) -> None:
        """Writes marks down. each: every mark is safe before the next is looked at; else all together, at the end."""
        for mark in marks:
            os.write(self._file, mark)
            if each:
                os.fsync(self._file)
        os.fsync(self._file)
