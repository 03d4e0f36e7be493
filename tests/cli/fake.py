"""A flow that measures nothing: it tells its audience a short story, writes a folder, and judges as it is told.

As a script it is the command line with that flow behind it, for tests that need a process: a signal, a terminal.

    python -m tests.cli.fake [--seconds S] run single
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from loadlab.clock import SYSTEM, Clock, FakeClock
from loadlab.diagnosis.model import Capacity, Diagnosis, Finding, LimitResult, Proof, Remedy
from loadlab.live import Audience, Live, ServiceLive
from loadlab.rules import Evidence, Where
from loadlab.spec.model import Profile, Spec

STORY = (("warmup", 1), ("search", 16), ("steady", 12), ("stacks", 6), ("proof", 18), ("stop", 0))
"""Phases and their seconds."""


@dataclass(frozen=True)
class Options:
    """As flow.Options."""

    runs: Path = Path("runs")
    prove: bool | None = None
    stacks: bool = True
    setup: bool = False
    exports: Mapping[str, str] = field(default_factory=dict)
    workers: int = 0
    bind: str = "127.0.0.1"


def finding(kind: str = "single_core", service: str = "app", **more: Any) -> Finding:
    """A bottleneck as the rules describe one."""
    given: dict[str, Any] = {
        "branch": "cpu",
        "grade": "confirmed",
        "sentence": f"{service} is limited by one CPU core: relevance() at shop/catalog.py:42 takes 71% of it",
        "evidence": (
            Evidence("thread_cores", 0.99, "its busiest thread used 99% of one core", 0.85),
            Evidence("loop_busy", 0.99, "it had no time left: busy 99% of the time", 0.95),
        ),
        "remedy": Remedy("cluster", "First make relevance() cheaper: it takes 71% of the core.", 1.9),
        "where": Where("relevance", "shop/catalog.py", 42, 0.71),
        "proof": Proof(0.2, 0.97, 0.91, 1.03),
    }
    return Finding(kind=kind, service=service, **(given | more))


def diagnosis(outcome: str = "bottleneck", **more: Any) -> Diagnosis:
    """A verdict of each outcome."""
    culprit = finding() if outcome == "bottleneck" else None
    sentences = {
        "bottleneck": "app is limited by one CPU core: relevance() at shop/catalog.py:42 takes 71% of it.",
        "none": "No limit was reached up to 812 requests/s.",
        "generator": "The load generator was the limit; nothing else is claimed of this run.",
        "unknown": "Cannot tell: too few answers to judge.",
    }
    given: dict[str, Any] = {
        "bottleneck": culprit,
        "capacity": Capacity(412.0, 24, 21.04, 61.23, 0.004),
        "next_step": "First make relevance() cheaper: it takes 71% of the core.",
    }
    return Diagnosis(outcome, sentences[outcome], **(given | more))


def limit(*, passed: bool, measured: float | None = 143.2) -> LimitResult:
    """p95_ms, at most 120."""
    return LimitResult("GET /orders", "p95_ms", None, 120.0, measured, passed)


class Flow(ModuleType):
    """Takes the place of loadlab.flow. `raises` is raised in the middle of a run, `verdict` is what it finds."""

    Options = Options

    def __init__(self, verdict: Diagnosis | None = None, raises: BaseException | None = None, speed: float = 0) -> None:
        super().__init__("loadlab.flow")
        self.verdict = verdict or diagnosis()
        self.raises = raises
        self.clock: Clock = SYSTEM if speed else FakeClock()
        self.pause_s = 1 / speed if speed else 1.0
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def run(self, spec: Spec, profile: Profile, options: Options, audience: Audience) -> Path:
        """One story."""
        self.calls.append(("run", (spec, profile, options)))
        folder = recording(options.runs, spec.name)
        (folder / "logs/app-0.log").write_text("hello\n", encoding="utf-8")
        audience.note("app is ready at http://127.0.0.1:18000 after 0.4 s")
        for live, phase, seconds in story():
            if phase:
                audience.phase(phase, seconds * self.pause_s)
            if live.t > 5 and self.raises is not None:
                raise self.raises
            audience.tick(live)
            self.clock.sleep(self.pause_s)
        return folder

    def read(self, folder: Path) -> Path:
        """There is nothing to read: the folder stands for what was judged."""
        return folder

    def diagnose(self, folder: Path) -> Diagnosis:
        """What was told."""
        self.calls.append(("diagnose", (folder,)))
        body = {"format": 1, **asdict(self.verdict)}
        (folder / "verdict.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        return self.verdict

    def render(self, folder: Path) -> Path:
        """A page."""
        self.calls.append(("render", (folder,)))
        page = folder / "report.html"
        page.write_text("<!doctype html><title>fake</title>", encoding="utf-8")
        return page


def recording(root: Path, system: str, stamp: str = "20261123-170455") -> Path:
    """A folder that counts as one."""
    folder = root / f"{stamp}-{system}"
    folder.mkdir(parents=True)
    body = {"format": 1, "name": system, "started_at": "2026-11-23T17:04:55Z"}
    (folder / "run.json").write_text(json.dumps(body), encoding="utf-8")
    (folder / "logs").mkdir()
    return folder


def story() -> Iterator[tuple[Live, str, float]]:
    """(what is seen, the phase that starts or "", its seconds), one a second."""
    t = 0.0
    for phase, seconds in STORY:
        for second in range(max(1, seconds)):
            users = min(24, 2 ** (int(t) // 3))
            rps = 412 * users / (users + 6)
            yield live(t, users, rps), phase if second == 0 else "", float(seconds)
            t += 1


def live(t: float, users: int, rps: float) -> Live:
    """What a full core looks like from outside."""
    share = rps / 412
    services = (
        ServiceLive("balancer", 0.2 * share, 0.21 * share, 12e6, 1),
        ServiceLive("app", 0.99 * share, min(1.0, 1.2 * share), 84e6, 3),
        ServiceLive("generator", 0.3 * share, None, 60e6, 1),
        ServiceLive("loadlab", 0.05, None, 90e6, 1),
    )
    return Live(t, "", 0.0, users, rps, 21.04 * share, 61.23 * share, 0, services)


if __name__ == "__main__":
    from loadlab import cli

    speed = 1.0
    if sys.argv[1] == "--speed":
        speed = float(sys.argv[2])
        del sys.argv[1:3]
    sys.modules["loadlab.flow"] = Flow(speed=speed)
    import loadlab

    loadlab.flow = sys.modules["loadlab.flow"]  # type: ignore[attr-defined]
    cli.main()
