"""Everything the probes look at: the services, the load generator, and loadlab itself, watched like the rest."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Protocol

import psutil

from loadlab.services import Target, Targets

GENERATOR = "generator"
LOADLAB = "loadlab"


class Generator(Protocol):
    """What this needs of load._driver.ChildGenerator."""

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes on this host."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        ...


class Watched:
    """Implements Targets. A generator that died is no target."""

    def __init__(self, services: Targets) -> None:
        self._services = services
        self._generator: Generator | None = None

    def generator(self, generator: Generator) -> None:
        """From now on there is a load generator."""
        self._generator = generator

    def now(self) -> tuple[Target, ...]:
        """The services' targets, then loadlab's own."""
        own = [Target(LOADLAB, 0, os.getpid(), role="observer", unit="loadlab")]
        if self._generator is not None and self._generator.alive:
            pids = enumerate(self._generator.pids)
            own[:0] = [Target(GENERATOR, index, pid, role="generator", unit="loadlab") for index, pid in pids]
        return (*self._services.now(), *own)

    def pids(self, service: str) -> list[int]:
        """Every process of a service now, children included; those of other services that it started are not."""
        targets = self.now()
        others = {each.pid for each in targets if each.service != service}
        return sorted({pid for each in targets if each.service == service for pid in tree(each.pid, others)})


def tree(root: int, but: Collection[int] = ()) -> list[int]:
    """A process and its descendants, without those in `but` and what descends from them; empty where it is gone."""
    try:
        below = psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return []
    parents = {each.pid: _parent(each) for each in below}
    return [root, *(pid for pid in parents if not _below(pid, parents, but))]


def _below(pid: int, parents: Mapping[int, int], tops: Collection[int]) -> bool:
    """Whether a process is one of the tops, or descends from one."""
    here: int | None = pid
    for _ in range(len(parents) + 1):
        if here in tops:
            return True
        here = parents.get(here) if here is not None else None
    return False


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0
