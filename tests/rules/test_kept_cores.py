"""Services that may not use every core."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from tests.build import Builder, Proc, Thread


def kept(
    *, cores: float = 0.96, waiting: float = 7.9, allowed: tuple[float, float] = (1, 0), idle: float = 0.64
) -> Builder:
    """Recorded of a server in Java with eight threads that a launcher keeps to the first of two cores."""
    threads = [Thread(cores / 8, waiting / 8, {"running": 0.7, "futex": 0.3}) for _ in range(8)]
    built = Builder().service("tiles", Proc(cores=cores, run_delay=waiting, threads=threads, allowed=allowed))
    return built.load(1000, growth=1.01).generator(0.17).host(idle=idle)


def test_one_that_uses_up_the_core_it_is_kept_to_waits_for_others() -> None:
    found = diagnose(kept().recording()).bottleneck
    assert found is not None and (found.kind, found.service) == ("cpu_quota", "tiles")
    assert found.sentence == "tiles may run on 1 of 2 cores only, and uses it up"
    assert found.remedy.text.startswith("Let it run on more cores (taskset") and found.remedy.expected_gain == 1.67


@pytest.mark.parametrize(
    "built",
    [kept(waiting=0.1), kept(cores=0.5), kept(allowed=(2, 0)), kept(idle=0.1)],
    ids=["one thread waits for nobody", "its core has time", "it may use them all", "the others are taken, too"],
)
def test_else_being_kept_to_some_limits_nothing(built: Builder) -> None:
    found = diagnose(built.recording()).bottleneck
    assert found is None or found.kind != "cpu_quota"


def test_several_services_may_share_what_they_are_kept_to() -> None:
    built = Builder(cores=4)
    built.service("app", *[Proc(cores=0.6, run_delay=0.9, allowed=(2, 2)) for _ in range(2)])
    built.service("worker", Proc(cores=0.7, run_delay=0.9, allowed=(2, 2)))
    found = diagnose(built.load(300, growth=1.01).generator().host().recording()).bottleneck
    assert found is not None and found.sentence.startswith(
        "app together with worker may run on 2 of 4 cores only, and uses them up"
    )
