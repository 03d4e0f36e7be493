"""Runs cases one after another and keeps what came of each."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from loadlab.cli import _terminal
from loadlab.clock import SYSTEM, iso
from loadlab.errors import Interrupted, LoadlabError, UsageError
from loadlab.scoreboard import binding, result
from loadlab.scoreboard.case import Case

if TYPE_CHECKING:
    from loadlab.spec.model import Profile, Spec

T = TypeVar("T")
TRIES = 3
"""A run during which strangers used the machine, as loadlab then says, is made again: that answer is right, and is not
what the case is about."""


@dataclass(frozen=True)
class Task:
    """One run to be made."""

    case: Case
    seed: int
    repeat: int

    @property
    def key(self) -> result.Key:
        """As its result will have."""
        return self.case.name, self.seed, self.repeat

    def __str__(self) -> str:
        seed = f", seed {self.seed}" if self.seed != 1 else ""
        return self.case.name + seed + (f", run {self.repeat}" if self.repeat != 1 else "")


@dataclass(frozen=True)
class Way:
    """How runs are made. duration_s: of those that search for the knee; a profile of a case's own keeps its own."""

    runs: Path
    duration_s: float
    say: Callable[[str], None]


def tasks(cases: Sequence[Case], seeds: Sequence[int], repeats: int) -> list[Task]:
    """All runs, repeat by repeat, so that an interruption leaves each case run about equally often."""
    return [
        Task(case, seed, repeat)
        for repeat in range(1, repeats + 1)
        for seed in seeds
        for case in cases
        if case.is_seeded or seed == seeds[0]
    ]


class Kept:
    """A file of lines, appended to. Raises UsageError where it cannot be written."""

    def __init__(self, path: Path, option: str) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("a").close()
            text = path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            if whole != text:  # cut short by a kill: what follows must begin on a line of its own
                os.truncate(path, len(whole.encode()))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{option} {path} cannot be read and written: {error}; name another file") from error
        self.text = whole

    def add(self, line: str) -> None:
        """On disk when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)


def verdict_on(task: Task, way: Way) -> result.Result:
    """Runs a case until strangers leave the machine alone, and holds the verdict against the truth. What fails is a
    result as well; only an interruption is raised."""
    began = SYSTEM.monotonic()
    at = iso(SYSTEM.wall())
    for tries in range(1, TRIES + 1):
        tried = SYSTEM.monotonic()
        try:
            folder, verdict = _run(task, way, _judge, measured=True)
        except (Interrupted, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001 - a case on which loadlab itself breaks is a failure, and is told
            if not isinstance(error, LoadlabError):
                way.say("".join(traceback.format_exception(error)).rstrip())
            run = result.Run(task.case, task.seed, task.repeat, SYSTEM.monotonic() - began, tries, "", setting(at))
            return result.failed(run, f"{type(error).__name__}: {error}")
        if not disturbed(task.case, verdict) or tries == TRIES:
            break
        way.say(f"{task}: strangers used the machine, as loadlab says: once more")
    seconds = SYSTEM.monotonic() - tried
    run = result.Run(task.case, task.seed, task.repeat, seconds, tries, folder.name, setting(at))
    return result.judged(run, verdict)


def judged_anew(task: Task, known: result.Result, way: Way) -> result.Result | None:
    """What the recording of a run says by the rules of today, written beside it as well; None where it is gone."""
    from loadlab import flow
    from loadlab.report.json import document

    folder = way.runs / known.recording
    if not known.recording or not folder.is_dir():
        return None
    run = result.Run(task.case, task.seed, task.repeat, known.seconds, known.tries, known.recording, known.setting)
    found = result.judged(run, document(flow.diagnose(flow.read(folder))))
    today = setting("").commit
    return replace(found, judged_by="" if today == known.setting.commit else today)


def bound(task: Task, way: Way, runs: int) -> binding.Binding:
    """A case with its fault and mended, by turns, `runs` times each. Raises LoadlabError."""
    before: list[binding.Measure] = []
    after: list[binding.Measure] = []
    for turn in range(runs):
        for fixed in (False, True) if turn % 2 == 0 else (True, False):
            way.say(f"{task}: {'mended' if fixed else 'with its fault'}, {turn + 1} of {runs}")
            (after if fixed else before).append(_run(task, way, _measure, measured=False, fixed=fixed))
    return binding.Binding(
        task.case.name, task.seed, runs, binding.middle(before), binding.middle(after), iso(SYSTEM.wall())
    )


def disturbed(case: Case, verdict: dict[str, Any]) -> bool:
    """Whether the run itself says that the machine was not its own."""
    first = verdict.get("bottleneck") or {}
    strange = first.get("kind") == "cpu_neighbour" or "hypervisor" in verdict.get("sentence", "")
    if verdict.get("outcome") == "unknown":
        from loadlab.rules.cpu_neighbour import TAKEN

        machine = verdict.get("signals", {}).get("host") or {}
        strange = strange or machine.get("others_cores", 0.0) >= TAKEN * machine.get("cores", 1)
    return strange and "cpu_neighbour" not in case.kinds


def setting(at: str) -> result.Setting:
    """This machine and this loadlab."""
    from loadlab import __version__
    from loadlab.recording import environment

    taken = environment.take()
    cpu, cores = str(taken.get("cpu_model") or ""), int(taken.get("cores_online") or 0)
    return result.Setting(at, __version__, environment.commit(Path(__file__).parent), cpu, cores)


def _run(task: Task, way: Way, read: Callable[[Path], T], *, measured: bool, fixed: bool = False) -> T:
    """One run, and what `read` makes of its recording. measured: with stacks and the proof."""
    from loadlab import flow
    from loadlab.cli.run import _record
    from loadlab.spec import read as specs

    with _place(task.case, task.seed, fixed=fixed) as folder:
        spec = specs.system_as(task.case.text(fixed=fixed, seed=task.seed), folder / specs.FILE)
        profile = specs.profile(spec.load.profile, spec.folder)
        if profile.shape == "search":
            profile = profile.model_copy(update={"duration_s": way.duration_s})
        how = flow.Options(runs=way.runs, prove=None if measured else False, stacks=measured)
        return read(_record(spec, profile, how, _audience(spec, profile)))


def _judge(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The content of verdict.json, which is written with the page as `loadlab run` does."""
    from loadlab import flow
    from loadlab.report.json import document

    judged = flow.read(folder)
    diagnosis = flow.diagnose(judged)
    flow.render(judged)
    return folder, document(diagnosis)


def _measure(folder: Path) -> binding.Measure:
    from loadlab import flow

    judged = flow.read(folder)
    return binding.measure(judged.recording, judged.diagnosis)


@contextmanager
def _place(case: Case, seed: int, *, fixed: bool) -> Iterator[Path]:
    """A copy, so that nothing is written into the samples; what lives off its neighbours is run where it lies."""
    if not case.is_movable:
        yield case.folder
        return
    with tempfile.TemporaryDirectory(prefix="loadlab-case-") as target:
        yield case.copy_to(Path(target), fixed=fixed, seed=seed)


def _audience(spec: Spec, profile: Profile) -> Any:
    """A screen where somebody looks; else nobody, for each case has its line."""
    from loadlab.cli._lines import Nobody
    from loadlab.cli._screen import Screen

    return Screen(_terminal.err(), spec.name, profile) if _terminal.can_draw(sys.stderr) else Nobody()


def names(cases: Iterable[Case]) -> str:
    """For messages."""
    return ", ".join(each.name for each in cases)
