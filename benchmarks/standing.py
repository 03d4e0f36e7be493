"""A system that stands, started by loadlab and ended by it, for benchmarks that bring a load of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadlab.clock import SYSTEM
from loadlab.services._guardian import Guardian
from loadlab.services._launch import Running, launch, plan_all
from loadlab.services._names import RunNames
from loadlab.spec import read


@dataclass
class Logs:
    """A journal that keeps what services print, and nothing else."""

    folder: Path

    def event(
        self, kind: str, service: str = "", instance: int = 0, pid: int = 0, t: float | None = None, **data: Any
    ) -> None:
        """Not needed here."""

    def log_path(self, service: str, instance: int) -> Path:
        """Of one instance."""
        return self.folder / f"{service}-{instance}.log"


@contextmanager
def standing(system: str, *changes: str) -> Iterator[Running]:
    """All its services, ready; `changes` as `loadlab run --set` takes them. Raises LoadlabError."""
    spec = read.system(read.find(system, Path.cwd()), changes=changes)
    with tempfile.TemporaryDirectory(prefix="ll-") as name, Guardian() as guardian:
        folder = Path(name)
        plans = plan_all(spec, folder, RunNames(spec, folder))
        with launch(plans, Logs(folder), SYSTEM, guardian) as running:
            yield running
