"""Who is kept to some of the cores."""

from __future__ import annotations

import pytest

from loadlab.signals import affinity
from tests.build import Builder, Proc


def test_processes_that_are_kept_to_the_same_cores_share_them() -> None:
    built = Builder(cores=4)
    built.service("app", Proc(cores=0.4, run_delay=1.5, allowed=(1, 2)), Proc(cores=0.3, allowed=(1, 2)))
    built.service("worker", Proc(cores=0.2, allowed=(1, 2))).service("db", Proc(cores=1.1, allowed=(2, 0)))
    built.service("free", Proc(cores=1.0, allowed=(4, 0))).load()
    two, one = sorted(affinity.compute(built.recording()), key=lambda each: -each.cores)
    assert (one.cores, one.first, one.services) == (1, 2, ("app", "worker"))
    assert one.used == pytest.approx(0.9, abs=0.1) and one.waiting == pytest.approx(1.5, abs=0.2)
    assert (two.cores, two.first, two.services) == (2, 0, ("db",))


def test_recordings_from_before_do_not_tell() -> None:
    assert affinity.compute(Builder().service("app", Proc()).load().recording()) == ()
