"""The lines of the user's code that start other programs, or wait for one they started: the user's innermost above the
library that does it. A call of C straight from the user's line (os.system) has no such frame, and is not seen.
"""

from __future__ import annotations

from dataclasses import replace

from loadlab.recording.model import Frame, Recording, ServiceMeta
from loadlab.signals.frames import is_users, users_frame
from loadlab.signals.hot import FEWEST, Line, lines
from loadlab.signals.missing import Missing

STARTS = (
    "/subprocess.py",
    "/multiprocessing/popen_fork.py",
    "node:child_process",
    "node:internal/child_process",
    "ProcessImpl.java",
)
"""Ends of the names of files that start programs: Python's (asyncio's goes through it), Node's, Java's."""


def compute(recording: Recording) -> dict[str, Line]:
    """By service, only those seen there often enough. Raises Missing where no stacks were taken."""
    if not recording.stacks:
        raise Missing("no stacks were taken")
    found: dict[str, Line] = {}
    for meta in recording.meta.services:
        mine = [
            replace(each, samples=tuple(one for one in each.samples if _starts(meta, one[1])))
            for each in recording.stacks
            if each.service == meta.name
        ]
        if sum(count for each in mine for _, _, count in each.samples) >= FEWEST:
            found[meta.name] = lines(meta, mine)[0]
    return found


def _starts(meta: ServiceMeta, frames: tuple[Frame, ...]) -> bool:
    index = users_frame(meta, frames)
    return index is not None and any(
        each.file.endswith(STARTS) and not is_users(each.file, meta.cwd) for each in frames[index + 1 :]
    )
