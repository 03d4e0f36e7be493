"""`loadlab run`: the whole thing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from loadlab.cli import _recordings, _terminal
from loadlab.cli import _run_options as options
from loadlab.cli._options import RUNS, Json, Runs
from loadlab.errors import Interrupted, LoadlabError, UsageError

if TYPE_CHECKING:
    from loadlab.diagnosis.model import Diagnosis
    from loadlab.flow import Judged
    from loadlab.live import Audience
    from loadlab.spec.model import LoadSpec, Profile, Spec


def run(
    system: options.System = None,
    attach: options.Attach = None,
    pid: options.Pid = None,
    url: options.Url = None,
    command: options.Command = None,
    changes: options.Set = None,
    path: options.Path_ = None,
    locustfile: options.Locustfile = None,
    think: options.Think = None,
    profile: options.ProfileName = None,
    users: options.Users = None,
    duration: options.Duration = None,
    processes: options.Processes = None,
    workers: options.Workers = 0,
    bind: options.Bind = "127.0.0.1",
    prove: options.Prove = None,
    no_stacks: options.NoStacks = False,
    try_remedy: options.TryRemedy = False,
    setup: options.Setup = False,
    csv: options.Csv = None,
    metrics: options.Metrics = None,
    otel: options.Otel = False,
    runs: Runs = RUNS,
    as_json: Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Load a system, watch it from outside, say what limits it.

    loadlab run                     ./loadlab.toml, else the sample "single"
    loadlab run balanced            a sample: single, cluster, balanced, ...
    loadlab run shop/loadlab.toml   a file, or its folder
    loadlab run balanced --set balancer.with.strategy=least_conn
    loadlab run --attach 8000 --path /orders
    loadlab run --command "uvicorn app:app --port {port}"
    loadlab run --profile ci --json > verdict.json

    Takes about a minute; ends with one sentence, its evidence, the next step
    and the path of a report. The recording stays in runs/.

    Exit codes: 0 fine (a bottleneck found is no error), 2 a bad file or option,
    4 something could not be started, 5 the run is not valid, 10 a limit of the
    profile failed, 130 interrupted.
    """
    spec = _spec(
        system, {"attach_port": attach, "attach_pid": pid, "attach_url": url, "command": command}, path, changes
    )
    spec = spec.model_copy(update={"load": _load(spec.load, path, locustfile, think, processes)})
    chosen = _profile(spec, profile, users, duration)
    from loadlab import flow
    from loadlab.cli import _verdict

    exports = _exports(csv, metrics, otel=otel)
    how = flow.Options(runs, prove, not no_stacks, setup, exports, _workers(workers, processes), bind)
    folder = _record(spec, chosen, how, _audience(spec, chosen, as_json=as_json, quiet=quiet))
    judged = flow.read(folder)
    if try_remedy:
        judged = _try_remedy(spec, chosen, judged, quiet=quiet or as_json)
    raise typer.Exit(_verdict.exit_code(_told(judged, as_json=as_json, quiet=quiet)))


def _told(judged: Judged, *, as_json: bool, quiet: bool) -> Diagnosis:
    """What a recording says, written beside it and shown."""
    from loadlab import flow

    diagnosis = flow.diagnose(judged)
    _tell(diagnosis, flow.render(judged), as_json=as_json, quiet=quiet)
    return diagnosis


def _tell(diagnosis: Diagnosis, page: Path, *, as_json: bool, quiet: bool) -> None:
    from loadlab.cli import _verdict

    if as_json:
        sys.stdout.write(page.with_name("verdict.json").read_text(encoding="utf-8"))
    elif quiet:
        _terminal.say(diagnosis.sentence)
    else:
        _verdict.show(diagnosis, page)


def _workers(workers: int, processes: int | None) -> int:
    if workers and processes:
        raise UsageError("--workers and --processes: workers are the processes; say how many at each `loadlab worker`")
    return workers


def _exports(csv: Path | None, metrics: int | None, *, otel: bool) -> dict[str, str]:
    """Units of export/ that were asked for, with where each goes."""
    asked = {"csv": csv, "openmetrics": metrics, "otlp": "" if otel else None}
    return {name: str(where) for name, where in asked.items() if where is not None}


def _record(spec: Spec, profile: Profile, how: Any, audience: Any) -> Path:
    """The folder of the recording. What goes wrong says where the recording so far lies."""
    from loadlab import flow
    from loadlab.cli._interrupt import interruptible

    before = set(_recordings.all_of(how.runs))
    try:
        with audience, interruptible(audience.note):
            return flow.run(spec, profile, how, audience)
    except (KeyboardInterrupt, Interrupted) as error:
        folder = _new(before, how.runs)
        if folder is None:
            raise Interrupted("nothing was recorded yet") from error
        text = f"everything was shut down, the recording up to here is kept in {folder}"
        raise Interrupted(f"{text}\nwhat it already shows: loadlab diagnose {folder}") from error
    except LoadlabError as error:
        folder = _new(before, how.runs)
        if folder is not None and any(folder.glob("logs/*")) and str(folder) not in str(error):
            _terminal.say(f"recorded so far, with the logs of each service: {folder}", _terminal.err())
        raise


def _try_remedy(spec: Spec, profile: Profile, judged: Judged, *, quiet: bool) -> Judged:
    """The recording again, with what the remedy brought. An interrupt leaves it as it was."""
    from loadlab import flow
    from loadlab.cli._interrupt import interruptible

    def note(text: str) -> None:
        if not quiet:
            _terminal.say(text, _terminal.err())

    try:
        with interruptible(note):
            return flow.try_remedy(spec, profile, judged, note)
    except (KeyboardInterrupt, Interrupted) as error:
        text = f"the remedy was not tried to its end; the recording of the run is whole: {judged.folder}"
        raise Interrupted(f"{text}\nwhat it shows: loadlab diagnose {judged.folder}") from error


def _new(before: set[Path], root: Path) -> Path | None:
    """The recording this run made: others may write there too, but ours is the first that was not there."""
    return next((each for each in _recordings.all_of(root) if each not in before), None)


def _spec(system: str | None, adhoc: dict[str, Any], path: str | None, changes: Sequence[str] | None = None) -> Spec:
    from loadlab.spec import read

    if all(value is None for value in adhoc.values()):
        return read.system(read.find(system, Path.cwd()), changes=changes or ())
    if system is not None:
        given = ", ".join("--" + name.removeprefix("attach_") for name, value in adhoc.items() if value is not None)
        raise UsageError(f"{system} and {given.replace('--port', '--attach')} are two systems; give one of them")
    return read.adhoc(path=path or "/", changes=changes or (), **adhoc)


def _load(
    load: LoadSpec, path: str | None, locustfile: Path | None, think: float | None, processes: int | None
) -> LoadSpec:
    if locustfile is not None and path is not None:
        raise UsageError("--path and --locustfile: the file decides what its users ask for; give one of them")
    if path is not None and not path.startswith("/"):
        raise UsageError(f"--path {path}: a path begins with a slash: --path /{path}")
    if locustfile is not None and not locustfile.is_file():
        raise UsageError(f"--locustfile {locustfile}: there is no such file")
    changes: dict[str, Any] = {}
    if path is not None:
        # What was typed wins over the file: its users would ask for something else.
        changes = {"path": path, "locustfile": None}
    if locustfile is not None:
        changes["locustfile"] = str(locustfile.absolute())
    if think is not None:
        if changes.get("locustfile", load.locustfile):
            raise UsageError("--think is for the default user; a locustfile has its own pauses (wait_time)")
        changes["think_s"] = think
    if processes is not None:
        changes["processes"] = processes
    return load.model_copy(update=changes)


def _profile(spec: Spec, name: str | None, users: int | None, duration: float | None) -> Profile:
    from loadlab.spec import read

    folder = spec.folder if name is None else Path.cwd()
    if name is None and users is None and _has_own_shape(spec):
        name = "own"
    profile = read.profile(name or spec.load.profile, folder)
    if users is not None and profile.shape in ("steps", "own"):
        raise UsageError(
            f"--users: the shape {profile.shape} of profile {profile.name} says how many; change its levels"
        )
    if users is not None and profile.model == "open":
        raise UsageError(
            f"--users: profile {profile.name} is open: requests leave on a schedule, whoever waits; set its rate"
        )
    if duration is not None and duration <= profile.warmup_s:
        raise UsageError(
            f"--duration {duration:g}: profile {profile.name} spends {profile.warmup_s:g} s on warming up alone"
        )
    changes = {"users": users, "duration_s": duration}
    return profile.model_copy(update={key: value for key, value in changes.items() if value is not None})


def _has_own_shape(spec: Spec) -> bool:
    """Whether nobody has named a profile, and the locustfile has a LoadTestShape: it is what its author wants."""
    from loadlab.spec import source

    if spec.load.locustfile is None or "profile" in spec.load.model_fields_set:
        return False
    return source.defines_shape(spec.folder / spec.load.locustfile)


def _audience(spec: Spec, profile: Profile, *, as_json: bool, quiet: bool) -> Any:
    """Who watches: a live screen, lines, or nobody."""
    from loadlab.cli._lines import Lines, Nobody
    from loadlab.cli._screen import Screen

    if quiet or (as_json and not _terminal.is_watched(sys.stderr)):
        return Nobody()
    audience: Audience
    if _terminal.can_draw(sys.stderr):
        audience = Screen(_terminal.err(), spec.name, profile)
    else:
        audience = Lines(_terminal.err(), spec.name, profile)
    return audience
