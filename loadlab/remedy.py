"""`--try-remedy`: after a run was judged, its remedy is applied to a second copy of the system, and both are measured.

What came of it is written into the recording (trial.jsonl; the two systems' logs lie in trial/), so that the recording
says it for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from loadlab.clock import SYSTEM, iso
from loadlab.diagnosis.model import Diagnosis, Finding
from loadlab.diagnosis.remedy import Attempt, No, pick, with_file
from loadlab.errors import LoadlabError
from loadlab.experiments.counting import WindowCounter
from loadlab.experiments.trial import Side, Trial
from loadlab.load import _config, _driver
from loadlab.recording import describe
from loadlab.recording.model import Event
from loadlab.recording.trial import write_trial
from loadlab.recording.writer import Recorder
from loadlab.services import _guardian, _launch
from loadlab.spec.model import Profile, Spec

BUDGET_S = 30.0
MOST_USERS = 1024

Note = Callable[[str], None]


def try_remedy(spec: Spec, profile: Profile, folder: Path, diagnosis: Diagnosis, note: Note) -> None:
    """Tries the first finding's remedy and keeps what it brought, or why it was not tried, in the recording.

    Does nothing where there is no finding. Raises RecordingError where the disk does not take it; what the systems
    themselves do wrong is a reason why not. Whatever happens, nothing is left running.
    """
    finding = diagnosis.bottleneck
    if finding is None:
        note("there is no bottleneck, so there is no remedy to try")
        return
    chosen = pick(spec, finding, profile.model)
    if isinstance(chosen, No):
        note(f"the remedy was not tried: {chosen.why}")
        write_trial(folder, [_order(finding, "", why=chosen.why)])
        return
    users = deep_enough(diagnosis.capacity.users if diagnosis.capacity else 1, finding.remedy.expected_gain)
    note(f"trying the remedy, about {BUDGET_S + 10:.0f} s: {chosen.says}")
    try:
        windows = _measure(chosen, profile, folder / "trial", users, note)
    except LoadlabError as error:
        why = str(error).split("\n")[0]
        note(f"the remedy could not be tried: {error}")
        write_trial(folder, [_order(finding, chosen.says, why=why)])
        return
    write_trial(folder, [_order(finding, chosen.says, times=chosen.times, users=users), *windows])


def deep_enough(users: int, expected: float | None) -> int:
    """Users who keep the wider system busy too: those of the knee, once more for each multiple that it should carry."""
    return min(MOST_USERS, max(2, math.ceil(2 * users * max(1.0, expected or 2.0))))


def _order(finding: Finding, says: str, *, why: str = "", times: float | None = None, users: int = 0) -> Event:
    data = {"kind": finding.kind, "step": finding.remedy.step, "says": says, "why": why, "times": times, "users": users}
    return Event(0.0, "trial", finding.service, data=data)


def _measure(attempt: Attempt, profile: Profile, root: Path, users: int, note: Note) -> list[Event]:
    t0 = SYSTEM.monotonic()
    if attempt.sql is not None:
        root.mkdir(parents=True, exist_ok=True)
        path = root / attempt.sql[0]
        path.write_text(attempt.sql[1] + "\n", encoding="utf-8")
        attempt = with_file(attempt, str(path.absolute()))
    with ExitStack() as stack:
        guardian = stack.enter_context(_guardian.Guardian())
        variants = (("before", attempt.before), ("after", attempt.after))
        first, second = (_side(stack, guardian, each, system, profile, root, t0) for each, system in variants)
        note("both systems are ready: the one as it was and the one with the remedy take turns under load")
        trial = Trial((first, second), users, SYSTEM, lambda: SYSTEM.monotonic() - t0)
        return trial.run(BUDGET_S)


def _side(
    stack: ExitStack,
    guardian: _guardian.Guardian,
    variant: str,
    spec: Spec,
    profile: Profile,
    root: Path,
    t0: float,
) -> Side:
    """One system, started, and a generator that is ready to load it."""
    meta = describe.meta(spec.model_copy(update={"name": variant}), profile, iso(SYSTEM.wall()))
    recorder = Recorder.create(root, meta, SYSTEM, t0)
    stack.callback(recorder.close)
    plans = _launch.plan_all(spec, recorder.folder)
    recorder.update_meta(services=describe.planned(meta.services, plans))
    services = stack.enter_context(_launch.launch(plans, recorder, SYSTEM, guardian))
    config = _config.config(spec, profile, services.url(spec.target.name), recorder.log_path("generator", 0))
    load = _driver.start(config, recorder, SYSTEM, t0)
    stack.enter_context(load)
    for pid in load.pids:
        guardian.watch(pid)
    counter = stack.enter_context(recorder.heard_by(WindowCounter()))
    return Side(variant, load, counter, services.check)
