"""Reads a run's folder into a Recording: the same on every machine, from the folder alone, derived files never.

A folder of a run that was killed, or whose files were cut off, gives what is left of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from loadlab.errors import RecordingError
from loadlab.recording import runfile
from loadlab.recording.errors_log import read_errors
from loadlab.recording.folded import parse_folded
from loadlab.recording.format import ERRORS, REQUESTS, STACK_NAME, STACKS
from loadlab.recording.hlog import HistogramLog
from loadlab.recording.model import Recording, Stacks, Ticks
from loadlab.recording.stored import read_samples
from loadlab.recording.trial import read_trial


def read(folder: Path) -> Recording:
    """The recording in `folder`.

    Raises RecordingError where the folder is no recording, is of a newer format, or a file of it is not what it
    should be; parts that are not there are empty.
    """
    run = runfile.read(folder)
    stored = read_samples(folder)
    histograms = HistogramLog.read(folder / REQUESTS)
    stacks, unread = _stacks(folder / STACKS)
    end = max(stored.end, histograms.end if histograms else 0.0, *(each.start for each in run.phases), 0.0)
    if unread:
        none = np.empty(0)
        stored.ticks["stacks"] = Ticks(none, none, none, tuple((end, why) for why in unread))
    return Recording(
        run.meta,
        series=stored.series,
        ticks=stored.ticks,
        phases=run.phases_until(end),
        levels=run.levels_until(end),
        events=(*stored.events, *read_trial(folder)),
        requests=stored.requests,
        errors=read_errors(folder / ERRORS),
        stacks=stacks,
        histograms=histograms,
    )


def _stacks(folder: Path) -> tuple[tuple[Stacks, ...], list[str]]:
    """The stacks of every process, and what could not be read."""
    found, unread = [], []
    for path in sorted(folder.glob("*.folded")):
        name = STACK_NAME.match(path.name)
        if name is None:
            continue
        try:
            samples = parse_folded(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError) as error:
            unread.append(f"{STACKS}/{path.name} cannot be read: {error}")
            continue
        found.append(Stacks(name["service"], int(name["instance"]), int(name["pid"]), name["mode"], samples))
    return tuple(found), unread


def is_recording(folder: Path) -> bool:
    """Whether `read` would find a run.json of ours there: for lists of runs. Never raises."""
    try:
        runfile.read(folder)
    except RecordingError:
        return False
    return True
