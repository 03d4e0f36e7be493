"""What garbage collection takes of the CPU of each service, as far as its runtime's profiler tells it apart.

V8's does: a sample within a collection on the main thread has its own innermost frame. Go's collector is a part of the
program, with functions of its own. HotSpot counts how long its collections took. py-spy does not tell: Python collects
inside of an allocation, and a sample there looks like the line that allocates.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from loadlab.recording.model import COLLECTOR, NATIVE, Frame, Recording, ServiceMeta, Stacks
from loadlab.signals import hot
from loadlab.signals.hot import FEWEST, Line
from loadlab.signals.missing import Missing
from loadlab.signals.rates import per_second
from loadlab.signals.windows import measured

TOLD = ("cpu", NATIVE)
"""Stacks in which a collection can be seen (recording/model.Stacks)."""

GO = frozenset({"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge"})
"""Where Go's collector works beside the program, and where who allocates has to help it."""


@dataclass(frozen=True)
class Collecting:
    """By service. share: of the CPU samples; None where the profiler does not tell. line: where the user's code was
    when most collections began, its share of them. stops: the share is of time, in which no thread of it moved."""

    service: str
    share: float | None
    samples: int
    line: Line | None = None
    stops: bool = False


def compute(recording: Recording) -> tuple[Collecting, ...]:
    """Services with enough samples of where CPU goes, and virtual machines. Raises Missing where there is neither."""
    machines = _machines(recording)
    if not recording.stacks and not machines:
        raise Missing("no stacks were taken")
    found = [Collecting(name, share, 0, stops=True) for name, share in machines.items()]
    for meta in (each for each in recording.meta.services if each.name not in machines):
        mine = [each for each in recording.stacks if each.service == meta.name and each.on_cpu]
        total = sum(count for each in mine for _, _, count in each.samples)
        if total >= FEWEST:
            told = all(each.mode in TOLD for each in mine)
            found.append(_told(meta, mine, total) if told else Collecting(meta.name, None, total))
    return tuple(found)


def _machines(recording: Recording) -> dict[str, float]:
    """By service with HotSpot in it: share of the measured window that its collections stopped it, the mean of its
    processes. A collector beside the program takes longer than what all stood at safepoints, and stops less."""
    window = measured(recording)
    stopped = {each.entity: each for each in recording.series("jvm.stopped_s")}
    shares: dict[str, list[float]] = {}
    for each in recording.series("jvm.gc_s"):
        took = per_second(each, window)
        if each.entity in stopped:
            took = min(took, per_second(stopped[each.entity], window))
        shares.setdefault(each.entity.service, []).append(min(1.0, took))
    return {name: fmean(mine) for name, mine in shares.items()}


def _told(meta: ServiceMeta, stacks: list[Stacks], total: int) -> Collecting:
    within = [
        Stacks(each.service, each.instance, each.pid, each.mode, tuple(one for one in each.samples if collects(one[1])))
        for each in stacks
    ]
    count = sum(n for each in within for *_, n in each.samples)
    lines = hot.lines(meta, within) if count else ()
    return Collecting(meta.name, count / total, total, lines[0] if lines else None)


def collects(frames: tuple[Frame, ...]) -> bool:
    """Whether a sample was taken within a collection."""
    return bool(frames) and (frames[-1].function == COLLECTOR or any(each.function in GO for each in frames))
