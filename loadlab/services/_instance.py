"""One instance of a service while it runs: its plan, its process, and what became of those before."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from loadlab.services import ProcessPlan, Target
from loadlab.services._limits import Applied
from loadlab.services._start import Child

VARIABLE = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
"""How the name of a variable is written, in the message that it is missing as well."""


class Journal(Protocol):
    """What is written down: recording.writer.Recorder, or a list in a test."""

    def event(
        self, kind: str, service: str = "", instance: int = 0, pid: int = 0, t: float | None = None, **data: Any
    ) -> None:
        """Something that happened once; see recording.model.Event."""
        ...

    def log_path(self, service: str, instance: int) -> Path:
        """Where an instance's output goes."""
        ...


class Guardian(Protocol):
    """What this needs of services._guardian.Guardian."""

    @property
    def mark(self) -> str:
        """The run's mark."""
        ...

    def watch(self, pid: int) -> None:
        """Kill this one should loadlab end."""
        ...

    def forget(self, pid: int, start: int) -> None:
        """It ended, and left nobody."""
        ...

    def cgroup(self, path: Path) -> None:
        """Remove this cgroup."""
        ...

    def temp(self, path: Path) -> None:
        """Remove this file or folder."""
        ...


@dataclass(frozen=True)
class Exit:
    """A process that ended. code or signal; neither where only its parent was told."""

    service: str
    instance: int
    pid: int
    code: int | None
    signal: int | None
    expected: bool
    last_lines: tuple[str, ...] = ()
    hint: str = ""

    @property
    def how(self) -> str:
        """`ended with exit code 3`, `was killed by SIGKILL`."""
        if self.signal is not None:
            return f"was killed by {signal_name(self.signal)}{self.hint}"
        return f"ended with exit code {self.code}" if self.code is not None else "ended"


@dataclass
class Instance:
    """Changed by the supervisor alone, once the service has started."""

    plan: ProcessPlan
    role: str
    unit: str
    log: Path
    of: int = 1
    """How many instances the service has."""
    env: Mapping[str, str] = field(default_factory=dict)
    applied: Applied = field(default_factory=Applied)
    child: Child | None = None
    ready: bool = False
    exits: list[Exit] = field(default_factory=list)
    again_at: float | None = None
    """When it is started again."""
    started_at: float = 0.0
    attached: bool = False
    """Somebody else's: watched, never told anything."""
    failed_starts: int = 0
    """Restarts in a row that did not last."""
    retiring: bool = False
    """A scaler takes it away: that it ends is expected."""

    @property
    def title(self) -> str:
        """`app`, or `app (instance 1 of 3)`; counted from 0, as in the recording."""
        name = self.plan.service
        return name if self.of == 1 else f"{name} (instance {self.plan.instance} of {self.of})"

    @property
    def label(self) -> str:
        """`app-0`: for names of folders."""
        return f"{self.plan.service}-{self.plan.instance}"

    @property
    def lost(self) -> bool:
        """Ended, and nobody starts it again."""
        return self.child is None and self.again_at is None

    def target(self) -> Target | None:
        """As the probes see it; None while it does not run."""
        if self.child is None:
            return None
        limits = self.plan.limits
        return Target(
            self.plan.service,
            self.plan.instance,
            self.child.pid,
            role=self.role,
            unit=self.unit,
            ports=self.plan.ports,
            folder=self.plan.folder,
            cgroup=dict(self.applied.cgroups),
            status=self.plan.status,
            files_limit=limits.files if limits is not None else None,
            attached=self.attached,
            log=None if self.attached else self.log,
            space=self.applied.space,
        )

    def report(self, headline: str, way_out: str, last_lines: tuple[str, ...] | list[str]) -> str:
        """A message of several lines: what happened, the command, its own last words, the way out."""
        lines = [headline, f"  command: {' '.join(self.plan.argv)}", f"  in: {self.plan.cwd}"]
        if last_lines:
            lines += [f"  its last lines ({self.log}):", *(f"    {each}" for each in last_lines)]
        else:
            lines.append(f"  it printed nothing ({self.log})")
        return "\n".join([*lines, f"  {way_out}"])


def withheld(env: Mapping[str, str], end: Exit, outer: Mapping[str, str] = os.environ) -> str:
    """What to do where its last lines name variables of the shell that it was not given; "" where they name none."""
    named = {word for line in end.last_lines for word in VARIABLE.findall(line)}
    missed = sorted(word for word in named if word in outer and word not in env)
    if not missed:
        return ""
    key = f"pass_env={json.dumps(missed)}"
    names, are = " and ".join(missed), "is" if len(missed) == 1 else "are"
    return (
        f"{names} of your shell {are} not passed on: give its service {key}, for once with --set '{end.service}.{key}'"
    )


def exit_of(instance: Instance, pid: int, code: int | None, expected: bool, last_lines: list[str]) -> Exit:
    """An Exit from a return code as Python gives it: negative for a signal."""
    killed = -code if code is not None and code < 0 else None
    for_memory = killed == signal.SIGKILL and instance.applied.killed_for_memory > 0
    hint = " (by the kernel: it reached limits.memory)" if for_memory else ""
    return Exit(
        instance.plan.service,
        instance.plan.instance,
        pid,
        None if killed is not None else code,
        killed,
        expected,
        tuple(last_lines),
        hint,
    )


def signal_name(number: int) -> str:
    """`SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
