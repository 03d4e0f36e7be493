"""The whole product on one page: a spec starts services, loads and watches them, keeps a recording, and says what limits them.

`run` records; `diagnose` and `render` read a recording and give the same bytes on every machine.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadlab.catalogue import units
from loadlab.clock import SYSTEM
from loadlab.diagnosis.judge import diagnose as judge
from loadlab.diagnosis.model import Diagnosis
from loadlab.errors import LoadlabError
from loadlab.experiments.proof import Proof
from loadlab.live import Audience, Feed
from loadlab.load import _conduct, _driver
from loadlab.probes import _stacks
from loadlab.probes._sampler import Sampler
from loadlab.recording import reader
from loadlab.recording.meta import describe
from loadlab.recording.writer import Recorder
from loadlab.report import html, summary, verdict_json
from loadlab.services import _launch
from loadlab.services._guardian import Guardian
from loadlab.services._watched import Watched
from loadlab.spec.model import Profile, Spec


@dataclass(frozen=True)
class Options:
    """How a run is made, beside what it runs. prove None: wherever loadlab itself started the services."""

    runs: Path = Path("runs")
    prove: bool | None = None
    stacks: bool = True
    setup: bool = False


def run(spec: Spec, profile: Profile, options: Options, audience: Audience) -> Path:
    """Records one run and returns its folder. Raises LoadlabError; whatever happens, nothing is left running."""
    t0 = SYSTEM.monotonic()
    with ExitStack() as stack:
        guardian = stack.enter_context(Guardian())
        recorder = stack.enter_context(Recorder.create(options.runs, describe(spec, profile), SYSTEM, t0))
        recorder.phase("start")
        plans = _launch.plan_all(spec, recorder.folder)
        recorder.update_meta(**describe.planned(plans))
        services = stack.enter_context(_launch.launch(plans, recorder, SYSTEM, guardian, audience.note))
        feed = Feed(recorder, audience)
        load = stack.enter_context(_driver.start(_driver.config(spec, profile, services), feed, SYSTEM, t0))
        watched = Watched(services, load)
        stack.enter_context(Sampler(units("probes"), watched, feed, SYSTEM, t0))
        proof = Proof(spec, watched, load, recorder, guardian, options.prove)
        stacks = _stacks.Window(watched, recorder) if options.stacks else None
        _conduct.conduct(profile, load, recorder, stacks=stacks, proof=proof.run, clock=SYSTEM, tell=audience.phase)
    return recorder.folder


def diagnose(folder: Path) -> Diagnosis:
    """What a recording says; written beside it as verdict.json and summary.md."""
    recording = reader.read(folder)
    diagnosis = judge(recording)
    write(folder / "verdict.json", verdict_json(diagnosis))
    write(folder / "summary.md", summary(recording, diagnosis))
    return diagnosis


def render(folder: Path) -> Path:
    """The page of a recording, written beside it."""
    recording = reader.read(folder)
    return write(folder / "report.html", html(recording, judge(recording)))


def write(path: Path, text: str) -> Path:
    """Raises LoadlabError with the way out where the disk will not take it."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LoadlabError(
            f"{path} could not be written: {error.strerror}; free some space or use --runs DIR"
        ) from error
    return path
