"""What garbage collection takes of the CPU of each service, as far as its runtime's profiler tells it apart.

V8's does: a sample within a collection on the main thread has its own innermost frame. py-spy's does not: Python
collects inside of an allocation, and a sample there looks like the line that allocates.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Frame, Recording, ServiceMeta, Stacks
from loadlab.signals import hot
from loadlab.signals.hot import FEWEST, Line
from loadlab.signals.missing import Missing

COLLECTOR = "(garbage collector)"
"""V8's name for a sample taken within a collection."""


@dataclass(frozen=True)
class Collecting:
    """By service. share: of the CPU samples; None where the profiler does not tell. line: where the user's code was
    when most collections began, its share of them."""

    service: str
    share: float | None
    samples: int
    line: Line | None = None


def compute(recording: Recording) -> tuple[Collecting, ...]:
    """Services with enough samples of where CPU goes. Raises Missing where no stacks were taken."""
    if not recording.stacks:
        raise Missing("no stacks were taken")
    found = []
    for meta in recording.meta.services:
        mine = [each for each in recording.stacks if each.service == meta.name and each.on_cpu]
        total = sum(count for each in mine for _, _, count in each.samples)
        if total >= FEWEST:
            told = all(each.mode == "cpu" for each in mine)
            found.append(_told(meta, mine, total) if told else Collecting(meta.name, None, total))
    return tuple(found)


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
    return bool(frames) and frames[-1].function == COLLECTOR
