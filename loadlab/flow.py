"""The whole product on one page: a spec starts services, loads and watches them, keeps a recording, and says what
limits them. `run` records; `read` judges a recording, `diagnose` and `render` write that down: the same bytes on every
machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadlab import export, remedy, report
from loadlab.catalogue import units
from loadlab.clock import SYSTEM, iso
from loadlab.diagnosis.judge import diagnose as judge_system
from loadlab.diagnosis.model import Diagnosis
from loadlab.errors import LoadlabError
from loadlab.experiments.proof import Proof
from loadlab.gate.limits import judge as judge_limits
from loadlab.live import Audience, Feed
from loadlab.load import _conduct, _config, _driver, _meter, replay, shapes
from loadlab.probes import _sampler, _sockets, _stacks
from loadlab.recording import describe, reader
from loadlab.recording.model import Recording
from loadlab.recording.writer import Recorder
from loadlab.services import _guardian, _launch, _names, _parts, _scaler, _watched
from loadlab.spec.model import Profile, Spec


@dataclass(frozen=True)
class Options:
    """How a run is made, beside what it runs. prove None: whatever loadlab itself started is slowed for the proof,
    nothing else; True: attached processes too; False: nothing. exports: where else the load's figures go while it
    lasts, by name of the unit of export/. workers: so many on other hosts, instead of a generator here."""

    runs: Path = Path("runs")
    prove: bool | None = None
    stacks: bool = True
    setup: bool = False
    exports: Mapping[str, str] = field(default_factory=dict)
    workers: int = 0
    bind: str = "127.0.0.1"
    """Where those join; see load/_remote."""


def run(spec: Spec, profile: Profile, options: Options, audience: Audience) -> Path:
    """Records one run and returns its folder. Raises LoadlabError; whatever happens, nothing is left running."""
    shapes.check(profile)
    arrivals = replay.of(profile)
    t0, meta = SYSTEM.monotonic(), describe.meta(spec, profile, iso(SYSTEM.wall()))
    with ExitStack() as stack:
        guardian = stack.enter_context(_guardian.Guardian())
        recorder = Recorder.create(options.runs, meta, SYSTEM, t0)
        stack.callback(recorder.close)
        about = export.About(spec.name, SYSTEM, t0, audience.note)
        feed = Feed(recorder, audience, watchers=stack.enter_context(export.started(options.exports, about)))
        feed.phase("start", 0.0)
        recorder.phase("start")
        names = _names.RunNames(spec, recorder.folder)
        plans = _launch.plan_all(spec, recorder.folder, names)
        planned = describe.planned(meta.services, plans)
        recorder.update_meta(services=planned)
        launched = _launch.launch(plans, recorder, SYSTEM, guardian, audience.note, setup_again=options.setup)
        services = stack.enter_context(launched)

        def listening() -> list[_sockets.Socket]:
            return _sockets.everywhere(services.now(), SYSTEM.monotonic() - t0, 1 << _sockets.LISTEN)

        parts = _parts.Parts(services, listening, SYSTEM, lambda found: recorder.update_meta(services=planned + found))
        watched = _watched.Watched(parts)

        def noted(text: str) -> None:
            recorder.event("note", text=text)
            audience.note(text)

        scaler = _scaler.Scaler(spec, names, services, recorder, feed, SYSTEM, t0, audience.note)
        stack.enter_context(scaler)
        # Before there is any load: an idle moment shows which thread of each process waits for work, and how.
        stack.enter_context(_sampler.Sampler(units("probes"), watched, scaler, SYSTEM, t0))
        url, log = services.url(spec.target.name), recorder.log_path("generator", 0)
        config = _config.config(spec, profile, url, log, workers=options.workers, bind=options.bind)
        load = _driver.start(config, feed, SYSTEM, t0, noted)
        stack.enter_context(load)
        for pid in load.pids:
            guardian.watch(pid)
        watched.generator(load)
        meter = stack.enter_context(recorder.heard_by(_meter.Meter()))

        def alive() -> None:
            services.check()
            recorder.check()

        proof = Proof(watched, load, recorder, SYSTEM, guardian, options.prove)
        stacks = _stacks.Window(watched, recorder, SYSTEM, t0) if options.stacks else None
        experiment = scaler.still(proof.experiment) if proof.experiment is not None else None
        looks = (stacks, experiment, arrivals, scaler.still)
        _conduct.Conductor(profile, load, recorder, meter, SYSTEM, feed.phase, alive, *looks).conduct()
        recorder.check()
    return recorder.folder


@dataclass(frozen=True)
class Judged:
    """A recording, read once, and what it says."""

    folder: Path
    recording: Recording
    diagnosis: Diagnosis


def read(folder: Path) -> Judged:
    """Raises RecordingError where the folder is none that can be read."""
    recording = reader.read(folder)
    return Judged(folder, recording, judge(recording))


def try_remedy(spec: Spec, profile: Profile, judged: Judged, note: Callable[[str], None]) -> Judged:
    """Applies what the verdict advises to a second copy of the system, measures both, and reads the recording again,
    which then holds what came of it, or why nothing could be tried. Raises RecordingError."""
    remedy.try_remedy(spec, profile, judged.folder, judged.diagnosis, note)
    return read(judged.folder)


def diagnose(judged: Judged) -> Diagnosis:
    """What a recording says; written beside it as verdict.json and summary.md."""
    _write(judged.folder / "verdict.json", report.verdict_json(judged.diagnosis))
    _write(judged.folder / "summary.md", report.summary(judged.recording, judged.diagnosis))
    return judged.diagnosis


def render(judged: Judged) -> Path:
    """The page of a recording, written beside it."""
    return _write(judged.folder / "report.html", report.html(judged.recording, judged.diagnosis))


def judge(recording: Recording) -> Diagnosis:
    """What limits the system, and whether the profile's own limits held."""
    return replace(judge_system(recording), limits=judge_limits(recording))


def _write(path: Path, text: str) -> Path:
    """Whole or not at all: half a verdict could be read as one."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise LoadlabError(
            f"{path} could not be written: {error.strerror}; free some space or use --runs DIR"
        ) from error
    return path
