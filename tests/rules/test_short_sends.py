"""Workers held by slow readers, each of whose connections lasts for a look or two: the kernel's clocks miss a part."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from tests.build import Builder, Proc, Thread


def readers(seen: float, by_reader: float) -> Builder:
    """Recorded of three workers that send for 0.6 s each and close; seen: share of that time in the clocks."""
    share = {"running": 0.02, "socket_wait": 0.97, "idle_accept": 0.01}
    workers = [Proc(cores=0.02, threads=[Thread(0.02, 0.0, share, "idle_accept")]) for _ in range(3)]
    built = Builder().service("app", *workers).load().generator().host()
    built.edge("generator", "app/0", outstanding=13)
    entity = Entity("listener", "app", 0, name="127.0.0.1:8000")
    built.gauge("sends.sending", entity, 2.7)
    built.gauge("sends.queued_bytes", entity, 6e6)
    for metric, value in (("sent_bytes", 11e6), ("busy_s", 2.7 * seen), ("reader_limited_s", 2.7 * seen * by_reader)):
        built.counter(f"sends.{metric}", entity, value)
    return built


@pytest.mark.parametrize(
    ("seen", "by_reader", "kind"),
    [(1.0, 0.96, "slow_clients"), (0.3, 0.96, "slow_clients"), (0.3, 0.1, "worker_pool_exhausted")],
    ids=["all of it", "a third of it", "it is not the readers"],
)
def test_readers_that_hold_workers(seen: float, by_reader: float, kind: str) -> None:
    first = diagnose(readers(seen, by_reader).recording()).bottleneck
    assert first is not None and first.kind == kind
    told = any(each.says.startswith("2.6 connections at a time were held") for each in first.evidence)
    assert told == (kind == "slow_clients")
