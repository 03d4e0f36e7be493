"""Locks in compiled programs, whose stacks tell where they compute and not where threads stand."""

from __future__ import annotations

import pytest

from loadlab.recording.model import Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from tests.build import Thread
from tests.rules.test_software_limits import app, verdict


@pytest.mark.parametrize(("share", "cores", "named"), [(0.9, 0.8, True), (0.2, 0.8, False), (0.9, 0.2, False)])
def test_what_a_compiled_program_computes_under_a_lock(share: float, cores: float, named: bool) -> None:
    """Its stacks tell where it uses the CPU, not where threads stand; without any it is the same lock."""
    line = [Thread(cores / 8, 0.0, {"futex": 0.87, "running": cores / 8}) for _ in range(8)]
    built, unread = app(*line, cores=cores), app(*line, cores=cores)
    pid = next(each.entity.pid for each in built.series["process.cpu_user_s"] if each.entity.service == "app")
    weave, memcpy = Frame("weave", "/srv/app/loom.cc", 17), Frame("memcpy", "native:libc.so.6", 0)
    others = [Frame(f"part {n}", "/srv/app/loom.cc", n) for n in range(4)]
    samples = [("loom (9)", (weave,), round(100 * share)), ("loom (9)", (memcpy,), 100)]
    samples += [("loom (9)", (each,), round(25 * (1 - share))) for each in others]
    built.stacks.append(Stacks("app", 0, pid, "native", tuple(samples)))
    for each, where in ((built, named), (unread, False)):
        found = verdict("lock_contention", each)
        assert isinstance(found, Found)
        assert (found.faults[0].where is not None) == where
        assert ("one at a time holds a lock and computes in weave() at loom.cc:17" in found.faults[0].sentence) == where


@pytest.mark.parametrize(("rps", "kind"), [(185, Found), (600, Clear)])
def test_who_is_woken_and_finds_the_lock_taken_is_at_work_for_nothing(rps: float, kind: type[Verdict]) -> None:
    """Recorded of C++: a mutex goes to whoever comes first, so of eight threads 1.9 are awake at a time. Where 600 are
    answered a second three are served at a time, and those in a futex have no work."""
    line = [Thread(0.11, 0.0, {"futex": 0.77, "running": 0.12}) for _ in range(8)]
    found = verdict("lock_contention", app(*line, cores=0.9, rps=rps))
    assert isinstance(found, kind)
    assert not isinstance(found, Found) or "one at a time holds a lock" in found.faults[0].sentence


@pytest.mark.parametrize(
    ("system", "called", "says", "advice"),
    [
        (0.95, "fsync", "and calls fsync() in enter() at quay.rs:11", "Do it once for several"),
        (0.95, "ioctl", "and calls ioctl() in enter() at quay.rs:11", "Hold the lock for the shared data only"),
        (0.1, "memcpy", "and computes in enter() at quay.rs:11", "Hold the lock for the shared data only"),
    ],
)
def test_what_the_kernel_does_under_a_lock(system: float, called: str, says: str, advice: str) -> None:
    """Recorded of Rust: a mutex round a write and a sync, which takes half a core in the kernel."""
    cores = 0.51
    built = app(*[Thread(cores / 8, 0.0, {"futex": 0.87, "running": 0.1}) for _ in range(8)], cores=cores)
    pid = next(each.entity.pid for each in built.series["process.cpu_user_s"] if each.entity.service == "app")
    for metric, share in (("cpu_user_s", 1 - system), ("cpu_system_s", system)):
        for each in built.series[f"process.{metric}"]:
            if each.entity.pid == pid:
                each.v[:] = cores * share * each.t
    frames = (Frame(called, "native:libc.so", 0), Frame("enter", "/srv/app/quay.rs", 11))
    built.stacks.append(Stacks("app", 0, pid, "native", (("quay (9)", frames[::-1], 100),)))
    found = verdict("lock_contention", built)
    assert isinstance(found, Found)
    assert says in found.faults[0].sentence and found.faults[0].remedy.startswith(advice)
