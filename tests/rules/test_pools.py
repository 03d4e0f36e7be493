"""Threads that take turns at a listener, and a pool of one thread that computes."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Fixed, Proc, Thread, system


def threads_at_the_door(waiting: float) -> Builder:
    """They take turns at the listener, in a futex while it is another's, as uWSGI's and Apache's do."""
    share = {"running": 0.04, "socket_wait": waiting, "idle_accept": 0.01, "futex": 0.95 - waiting}
    threads = [Thread(0.04, 0.0, share, "idle_accept") for _ in range(4)]
    return system(Proc(cores=0.16, threads=threads), Proc(cores=0.16, threads=threads))


@pytest.mark.parametrize(("waiting", "kind"), [(0.94, Found), (0.5, Clear)])
def test_threads_that_take_turns_at_the_listener_are_a_pool(waiting: float, kind: type[Verdict]) -> None:
    signals = Signals(threads_at_the_door(waiting).recording())
    verdict = ask(units("rules")["worker_pool_exhausted"], signals)
    assert isinstance(verdict, kind)
    if isinstance(verdict, Found):
        assert "all 8 threads of the 2 workers of app are taken" in verdict.faults[0].sentence


@pytest.mark.parametrize(
    ("early", "cores", "alone_ms", "kind"),
    [("futex", 0.99, 20, Found), ("", 0.99, 2, Found), ("", 0.99, 20, Clear), ("futex", 0.6, 5, Clear)],
    ids=["waited for work", "as many as one serves", "may spin", "has time left"],
)
def test_a_pool_of_one_thread_that_computes(early: str, cores: float, alone_ms: float, kind: type[Verdict]) -> None:
    """Recorded of Node's scrypt with UV_THREADPOOL_SIZE=1: the loop idles, one thread of libuv uses a core up."""
    pool = Thread(cores, 0.0, {"running": cores}, early)
    built = system(Proc(cores=cores + 0.05, threads=[Thread(0.05, 0.0, {"idle_epoll": 0.91}, "idle_epoll"), pool]))
    built.edge("generator", "app", outstanding=8)
    built.histograms = Fixed(p50_ms=alone_ms)  # at 200 requests/s
    verdict = ask(units("rules")["single_core"], Signals(built.recording()))
    assert isinstance(verdict, kind)
    if isinstance(verdict, Found):
        assert "one thread of a pool uses up" in verdict.faults[0].sentence and verdict.faults[0].where is None
