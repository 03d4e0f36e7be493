"""Short runs of a system at one load, in the middle of which a process may be killed: what other benchmarks read.

Each run is `loadlab run` in a process of its own, without stacks and proof; its recording is read and thrown away, or
kept in the folder that the environment variable KEEP names.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from killed import processes, started

from loadlab.clock import SYSTEM
from loadlab.diagnosis.model import Diagnosis
from loadlab.flow import read
from loadlab.recording.model import Recording
from loadlab.services import _find, _guard

KEEP = os.environ.get("KEEP", "")
LOADLAB = Path(sys.executable).with_name("loadlab")
WARM_S = 2.0
HANGS_S = 60.0
"""A run's start and end, beyond its load."""
TICKS = os.sysconf("SC_CLK_TCK")
BACK_WITHIN_S = 10.0
LOOKS_S = 0.02
FIRST_LINE_S = 1.0
"""After which a recording has its first line of latencies."""


@dataclass(frozen=True)
class Load:
    """users: so many, who wait for their answers; or a rate, requests (tasks of a locustfile) per second."""

    users: int = 0
    rate: float = 0.0
    locustfile: str = ""
    seconds: float = 8.0

    def profile(self) -> str:
        """As a profile's file."""
        how = f'model = "open"\nrate = {self.rate}' if self.rate else f'model = "closed"\nusers = {self.users}'
        return f'{how}\nshape = "constant"\nwarmup_s = {WARM_S}\nduration_s = {self.seconds + WARM_S}\n'


@dataclass(frozen=True)
class Victim:
    """What is killed after a third of the load: an instance of a service with all it started, or, `worker`, the
    youngest process that a service's own process has forked."""

    service: str
    instance: int = 0
    worker: bool = False


@dataclass(frozen=True)
class Killed:
    """pids that were killed, when (seconds of the recording), and how long until there were as many again; None: not
    within BACK_WITHIN_S."""

    pids: tuple[int, ...]
    at: float
    back_s: float | None


@dataclass(frozen=True)
class Seen:
    """What a run left."""

    recording: Recording
    diagnosis: Diagnosis
    killed: Killed | None

    def count(self, result: str = "", endpoint: str = "", after: float = 0.0, before: float = float("inf")) -> int:
        """Requests answered in whole seconds between two times."""
        return sum(
            each.count
            for each in self.recording.requests
            if each.start >= after
            and each.end <= before
            and result in ("", each.result)
            and endpoint in ("", each.endpoint)
        )

    def rate(self, after: float, before: float) -> float:
        """Requests answered well each second, of the intervals that lie between two times."""
        inside = [each for each in self.recording.requests if each.start >= after and each.end <= before]
        seconds = sum(end - start for start, end in {(each.start, each.end) for each in inside})
        return sum(each.count for each in inside if each.result == "ok") / seconds if seconds else 0.0

    @property
    def window(self) -> tuple[float, float]:
        """The time at the full load."""
        steady = self.recording.phase("steady")
        if steady is None:
            raise SystemExit(f"no load was seen: {self.diagnosis.sentence}")
        return steady.start, steady.end

    @property
    def verdict(self) -> str:
        """A kind, or none, unknown, generator."""
        first = self.diagnosis.bottleneck
        return f"`{first.kind}`" + (f", `{first.service}`" if first.service else "") if first else "none found"


def run(system: str, load: Load, changes: Sequence[str] = (), victim: Victim | None = None) -> Seen:
    """Raises SystemExit with what was said where a run could not be made."""
    with tempfile.TemporaryDirectory(prefix="ll-") as name:
        folder = Path(name)
        (folder / "load.toml").write_text(load.profile(), encoding="utf-8")
        command = [str(LOADLAB), "run", system, "--profile", str(folder / "load.toml"), "--runs", str(folder / "runs")]
        command += ["--no-prove", "--no-stacks", "--quiet", *(word for each in changes for word in ("--set", each))]
        command += ["--locustfile", load.locustfile] if load.locustfile else []
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            killed = _kill(victim, folder / "runs", child, load.seconds) if victim else None
            said, _ = child.communicate(timeout=load.seconds + HANGS_S)
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
                child.communicate(timeout=HANGS_S)
        recordings = list((folder / "runs").glob("*/run.json"))
        if child.returncode not in (0, 4, 5) or not recordings:
            raise SystemExit(f"{' '.join(command)} ended with {child.returncode}: {said}")
        judged = read(recordings[0].parent)
        if KEEP:
            shutil.copytree(recordings[0].parent, Path(KEEP) / recordings[0].parent.name)
        return Seen(judged.recording, judged.diagnosis, killed)


def _kill(victim: Victim, runs: Path, child: subprocess.Popen[str], seconds: float) -> Killed:
    """Once the load has been there for a third of its time."""
    while not any("\nTag=" in each.read_text(errors="replace") for each in runs.glob("*/requests.hlog")):
        if child.poll() is not None:
            raise SystemExit(f"ended before there was load: {child.communicate()[0]}")
        SYSTEM.sleep(0.05)
    SYSTEM.sleep(WARM_S + seconds / 3 - FIRST_LINE_S)
    before = _alike(victim, runs)
    chosen = before if not victim.worker else before[-1:]
    for pid in chosen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    at = SYSTEM.monotonic()
    while SYSTEM.monotonic() < at + BACK_WITHIN_S and child.poll() is None:
        now = _alike(victim, runs)
        if len(now) >= len(before) and not set(now) & set(chosen):
            return Killed(tuple(chosen), at - _zero(runs), SYSTEM.monotonic() - at)
        SYSTEM.sleep(LOOKS_S)
    return Killed(tuple(chosen), at - _zero(runs), None)


def _alike(victim: Victim, runs: Path) -> list[int]:
    """Those from whom the victim is taken, by age."""
    table = _guard.table()
    mine = {pid for pid, name in processes(runs).items() if name == victim.service}
    roots = sorted(pid for pid in started(runs) if pid in mine)
    if victim.worker:
        found = [pid for pid in mine if table[pid].parent in roots] if roots else []
        return sorted(found, key=lambda pid: table[pid].start)
    return _find.tree(roots[victim.instance]) if victim.instance < len(roots) else []


def _zero(runs: Path) -> float:
    """When the recording's time began, on this machine's monotonic clock: its log says it by the wall's."""
    (log,) = runs.glob("*/requests.hlog")
    with log.open(encoding="ascii") as lines:
        text = next(each for each in lines if each.startswith("#[BaseTime: "))
    return SYSTEM.monotonic() - (SYSTEM.wall() - float(text.split()[1]))
