"""Everything ends, in reverse order, within five seconds, whatever it does about it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from loadlab.clock import Clock
from loadlab.services import _guard
from loadlab.services._guard import Process
from loadlab.services._instance import Instance
from loadlab.services._kin import Kin, end, tell, wait
from loadlab.services._start import Child

ASKED_S = 3.0
"""How long all of them together have to end by themselves."""
ALL_S = 4.8
"""When the last attempt is made: what lives longer sits in the kernel, and no signal reaches it."""
ROOT_S = 1.0
"""How long a master has to end its workers before they are told themselves."""
NOTED_S = 0.2
"""How long the supervisor may need to notice an end, on a busy machine."""
TICK_S = 0.02


def teardown(
    groups: Sequence[Sequence[Instance]], kin: Kin, clock: Clock, note: Callable[[str], None]
) -> list[Process]:
    """End all processes of a run. groups: the instances of each service, first to stop first. Returns those left."""
    began = clock.monotonic()
    everyone = kin.all()
    tell(everyone, signal.SIGCONT)  # a stopped process hears of nothing else
    kill_at = began + ASKED_S
    for position, group in enumerate(groups):
        share_s = (kill_at - clock.monotonic()) / (len(groups) - position)
        _ask(group, kin, clock.monotonic() + share_s, clock)
    stubborn = _ask_rest(groups, kin, kill_at, clock)
    for title in _titles(stubborn, groups):
        note(f"{title} did not end within {ASKED_S:g} s of being asked to, and was killed")
    return _kill(everyone, kin, began + ALL_S, clock)


def remove_cgroups(instances: Sequence[Instance], until: float, clock: Clock) -> list[str]:
    """The cgroups of all limits; the kernel needs a moment after the last process. Returns those left."""
    while True:
        left = [str(path) for each in instances for path in each.applied.remove()]
        if not left or clock.monotonic() >= until:
            return left
        clock.sleep(TICK_S)


def remove_scratch(instances: Sequence[Instance]) -> None:
    """What a service wrote only for the time of the run."""
    for each in instances:
        for name in each.plan.scratch:
            _guard.remove(str(each.plan.folder / name))


def _ask(group: Sequence[Instance], kin: Kin, until: float, clock: Clock) -> None:
    """The instances of one service: each master in its own way, then who is left of its workers."""
    running = [(each, each.child) for each in group if each.child is not None]
    roots = []
    for instance, child in running:
        root = _guard.look(child.pid)
        if root is not None and root.key == child.key:
            tell([root], instance.plan.stop_signal)
            roots.append(root)
    if not roots:
        return
    left = wait(roots, min(until, clock.monotonic() + ROOT_S), clock)
    keys = {each.key for each in roots}
    workers = [each for each in kin.of((), keys) if each.key not in keys]
    tell(workers, signal.SIGTERM)
    wait([*left, *workers], until, clock)
    _let_note(running, min(until, clock.monotonic() + NOTED_S), clock)


def _let_note(running: Sequence[tuple[Instance, Child]], until: float, clock: Clock) -> None:
    """The supervisor writes down each end; the ends of the next service should not overtake these."""
    while clock.monotonic() < until:
        if not any(each.child is child and child.over for each, child in running):
            return
        clock.sleep(TICK_S / 4)


def _ask_rest(groups: Sequence[Sequence[Instance]], kin: Kin, until: float, clock: Clock) -> list[Process]:
    """Daemons, and masters that were slower than their share of the time."""
    left = kin.all()
    asked = {each.child.key for group in groups for each in group if each.child is not None}
    tell([each for each in left if each.key not in asked], signal.SIGTERM)
    return wait(left, until, clock)


def _kill(everyone: Sequence[Process], kin: Kin, until: float, clock: Clock) -> list[Process]:
    """All of the run, those that cannot be recognised any more by their looks but were once, included."""
    while True:
        left = {each.key: each for each in kin.all()}
        for each in everyone:
            now = _guard.look(each.pid)
            if now is not None and now.key == each.key and now.alive:
                left[now.key] = now
        if not left or clock.monotonic() >= until:
            return list(left.values())
        end(left.values())
        wait(list(left.values()), min(until, clock.monotonic() + 0.2), clock)


def _titles(stubborn: Sequence[Process], groups: Sequence[Sequence[Instance]]) -> list[str]:
    keys = {each.key for each in stubborn}
    return [each.title for group in groups for each in group if each.child is not None and each.child.key in keys]
