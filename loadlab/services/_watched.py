"""Everything the probes look at: the services, the load generator, and loadlab itself, watched like the rest."""

from __future__ import annotations

import os
from collections.abc import Callable

import psutil

from loadlab.services import Target, Targets

GENERATOR = "generator"
LOADLAB = "loadlab"


class Watched:
    """Implements Targets. `generator_pid` is asked at each tick: a generator that died is no target."""

    def __init__(self, services: Targets, generator_pid: Callable[[], int | None]) -> None:
        self._services = services
        self._generator_pid = generator_pid

    def now(self) -> tuple[Target, ...]:
        """The services' targets, then loadlab's own."""
        own = [Target(LOADLAB, 0, os.getpid(), role="observer", unit="loadlab")]
        pid = self._generator_pid()
        if pid is not None:
            own.insert(0, Target(GENERATOR, 0, pid, role="generator", unit="loadlab"))
        return (*self._services.now(), *own)

    def pids(self, service: str) -> list[int]:
        """Every process of a service now, children included."""
        return sorted({pid for each in self.now() if each.service == service for pid in tree(each.pid)})


def tree(root: int) -> list[int]:
    """A process and its descendants; empty where it is gone."""
    try:
        process = psutil.Process(root)
        return [root, *(each.pid for each in process.children(recursive=True))]
    except psutil.Error:
        return []
