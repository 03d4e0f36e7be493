"""Which recording is meant: by path, by the beginning or the end of its name, or the newest."""

from __future__ import annotations

import re
from pathlib import Path

from loadlab.cli import _terminal
from loadlab.errors import RecordingError

STAMP = re.compile(r"^\d{8}-\d{6}-")
MOST_SHOWN = 5
LAST = "last"


def all_of(root: Path) -> list[Path]:
    """All recordings below `root`, oldest first. Their names begin with their time."""
    if not root.is_dir():
        return []
    return sorted(each for each in root.iterdir() if (each / "run.json").is_file())


def find(argument: str | None, root: Path) -> Path:
    """The recording that is meant. Raises RecordingError where there is none, or several.

    argument: a folder; the beginning of a name in `root`, such as `20261123-17`; a system's name for its newest run;
    None or `last` for the newest of all that was under load, which is said where one without load is passed over.
    """
    if argument is not None and argument != LAST and Path(argument).is_dir():
        return Path(argument)
    known = all_of(root)
    if not known:
        raise RecordingError(
            f"{root}: there are no recordings; make one with `loadlab run`, or name another --runs DIR"
        )
    if argument is None or argument == LAST:
        return _newest(known)
    by_system = [each for each in known if system_of(each) == argument]
    if by_system:
        return _newest(by_system)
    return _only(argument, [each for each in known if each.name.startswith(argument)], known)


def under_load(folder: Path) -> bool:
    """Whether any answer was recorded. A run that failed while its services started leaves a log of latencies with a
    head and no line; a recording without that log is not told from others here: whoever reads it says what it lacks."""
    from loadlab.recording.format import REQUESTS  # Its package loads numpy, which help need not wait for.

    try:
        with (folder / REQUESTS).open(encoding="ascii", errors="replace") as lines:
            return any(line.startswith("Tag=") for line in lines)
    except OSError:
        return True


def _newest(folders: list[Path]) -> Path:
    found = next((each for each in reversed(folders) if under_load(each)), folders[-1])
    if found != folders[-1]:
        text = f"{folders[-1]} ended before there was any load: taking the newest that was under load, {found}"
        _terminal.say(text, _terminal.err())
    return found


def system_of(folder: Path) -> str:
    """`20261123-170455-orders-api` -> `orders-api`; a second run of the same second has `-2` behind it."""
    return STAMP.sub("", folder.name)


def _only(argument: str, found: list[Path], known: list[Path]) -> Path:
    if len(found) == 1:
        return found[0]
    what = f'"{argument}" is the beginning of {len(found)} recordings' if found else f'"{argument}": no such recording'
    shown = (found or known)[-MOST_SHOWN:]
    names = ", ".join(each.name for each in reversed(shown))
    which = "the newest are" if len(found or known) > MOST_SHOWN else "there are" if len(shown) > 1 else "there is"
    raise RecordingError(f"{what}; {which} {names}; `loadlab runs` lists all")
