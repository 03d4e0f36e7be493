"""CPU of processes that lived too briefly to be watched: when a child has ended and was waited for, the kernel adds its
time, and that of its own such children, to its parent's account (proc_pid_stat(5): cutime, cstime).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from loadlab.recording.model import Entity, Floats, Recording, Series
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window

TASK_S = 2.0
"""A process seen for no longer than this was started for one task; a worker outlives its requests."""


@dataclass(frozen=True)
class Ended:
    """Of one service, in cores: what processes used that ended in the window, beside what was seen of them while they
    ran. program: the one seen most often among those that lived briefly; "" where none was seen."""

    user: float = 0.0
    system: float = 0.0
    program: str = ""

    @property
    def cores(self) -> float:
        """CPU seconds per second."""
        return self.user + self.system


NOTHING = Ended()


def compute(recording: Recording, window: Window) -> dict[str, Ended]:
    """By service; empty where parents' accounts were not recorded."""
    if window.length <= 0 or not recording.series("process.ended_user_s"):
        return {}
    gone = _gone(recording, window)
    user, system = (_charged(recording, window, kind, gone) for kind in ("user", "system"))
    programs = _programs(recording, gone)
    # loadlab is the parent of whole instances: what it is charged with was theirs, and watched.
    return {
        each.name: Ended(user[each.name], system[each.name], programs.get(each.name, ""))
        for each in recording.meta.services
        if each.name in user
    }


def over_time(recording: Recording) -> tuple[Series, ...]:
    """Of each service of the user's, the cores of children that ended, at each look at its processes; () where parents'
    accounts were not recorded. A child that was seen while it ran is charged when it was waited for, which may be a
    look later than it was gone."""
    accounts = recording.series("process.ended_user_s")
    series = (*recording.series("process.cpu_user_s"), *accounts)
    looks: Floats = np.unique(np.concatenate([each.t for each in series])) if accounts else np.empty(0)
    if len(looks) < 2:
        return ()
    charged: dict[str, Floats] = defaultdict(lambda: np.zeros(len(looks)))
    for kind in ("user", "system"):
        for each in recording.series(f"process.ended_{kind}_s"):
            charged[each.entity.service] += _steps(each, looks) - _known_at(each, looks)
        for each in recording.series(f"process.cpu_{kind}_s"):
            charged[each.entity.service] -= _known_at(each, looks)
    return tuple(
        Series(Entity("service", each.name), "ended_cores", looks[1:], _paid(charged[each.name])[1:] / np.diff(looks))
        for each in recording.meta.services
        if each.name in charged
    )


def _steps(series: Series, looks: Floats) -> Floats:
    """How much it grew up to each look."""
    found = np.zeros(len(looks))
    good = ~np.isnan(series.v)
    at = np.searchsorted(looks, series.t[good])
    found[at[1:]] = np.maximum(0.0, np.diff(series.v[good]))
    return found


def _known_at(series: Series, looks: Floats) -> Floats:
    """Its last value, at the look that did not find it any more."""
    found = np.zeros(len(looks))
    at = int(np.searchsorted(looks, series.t[-1], side="right")) if len(series.t) else len(looks)
    if at < len(looks):
        found[at] = np.nan_to_num(series.v[-1])
    return found


def _paid(charged: Floats) -> Floats:
    """What was seen of a child before it is charged is taken off the next look's charge, and of no later one: it may
    never be charged."""
    found, owed = np.zeros(len(charged)), 0.0
    for index, each in enumerate(charged):
        found[index] = max(0.0, each - owed)
        owed = max(0.0, -each)
    return found


def _gone(recording: Recording, window: Window) -> frozenset[Entity]:
    """Processes that a look within the window was the first not to find."""
    series = recording.series("process.cpu_user_s")
    looks: Floats = np.unique(np.concatenate([each.t for each in series])) if series else np.empty(0)
    found = set()
    for each in series:
        later = looks[looks > each.t[-1]] if len(each.t) else looks[:0]
        if len(later) and window.start < later[0] <= window.end:
            found.add(each.entity)
    return frozenset(found)


def _charged(recording: Recording, window: Window, kind: str, gone: frozenset[Entity]) -> dict[str, float]:
    """Less what was seen already: the whole life of a worker that ended is charged at once, and it was watched."""
    seconds: dict[str, float] = defaultdict(float)
    for each in recording.series(f"process.ended_{kind}_s"):
        seconds[each.entity.service] += increase(each, window) - _known(each, gone)
    for each in recording.series(f"process.cpu_{kind}_s"):
        seconds[each.entity.service] -= _known(each, gone)
    return {name: max(0.0, each) / window.length for name, each in seconds.items()}


def _known(series: Series, gone: frozenset[Entity]) -> float:
    return float(np.nan_to_num(series.v[-1])) if series.entity in gone and len(series.v) else 0.0


def _programs(recording: Recording, gone: frozenset[Entity]) -> dict[str, str]:
    """By service. A fork bears its parent's name until it has become the program."""
    names: dict[str, Counter[str]] = defaultdict(Counter)
    parents = {each.entity.name for each in recording.series("process.cpu_user_s") if _lived(each) > TASK_S}
    for each in recording.series("process.cpu_user_s"):
        name = each.entity.name
        if each.entity in gone and _lived(each) <= TASK_S and name and name not in parents:
            names[each.entity.service][_program(name)] += 1
    return {service: max(seen, key=lambda each: (seen[each], each)) for service, seen in names.items()}


INTERPRETERS = ("python", "node", "ruby", "perl", "php", "sh", "bash")
"""How the names of programs begin that tell less than what they are given to run."""


def _program(command: str) -> str:
    """ "/usr/bin/python3 -I /srv/label.py 7" -> "python3 label.py"."""
    program, *rest = [PurePath(each).name for each in command.split()]
    script = next((each for each in rest if not each.startswith("-")), "")
    return f"{program} {script}" if program.startswith(INTERPRETERS) and script else program


def _lived(series: Series) -> float:
    return float(series.t[-1] - series.t[0]) if len(series.t) else 0.0
