"""A service at its memory limit: what it reads back tells whether that costs."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread


def limited(
    *, usage: float = 96e6, hits: float = 0.0, faults: float = 0.0, refaults: float = 0.0, at_disk: float = 0.4
) -> Builder:
    """A C++ program with 96 MB that reads here and there in a file of 328 MB, a thread for each connection."""
    thread = Thread(0.02, 0.0, {"running": 0.3, "file_io": at_disk, "socket_wait": 0.02}, "futex")
    built = Builder().service("maps", Proc(cores=1.3, threads=[thread] * 64, major_faults=faults))
    built.target = "maps"
    built.load(2500, growth=1.1).generator().host(idle=0.5)
    entity = Entity("cgroup", "maps", 0)
    built.gauge("cgroup.memory_limit_bytes", entity, 96e6)
    built.gauge("cgroup.memory_usage_bytes", entity, usage)
    built.counter("cgroup.memory_max_events", entity, hits)
    built.counter("cgroup.refaulted_pages", entity, refaults)
    return built


CASES = [
    (limited(hits=9000, faults=68_000), Found, "hold less in the process: caches", "mapped into memory"),
    (limited(refaults=60_000), Found, "of its files again and again", "read with read()"),
    (limited(refaults=60_000, at_disk=0.02), Clear, "", "the disk answers at once"),
    (limited(refaults=5), Clear, "", "hardly anything is read twice"),
    (limited(), Clear, "", "large files, read once"),
    (limited(usage=60e6, refaults=60_000), Clear, "", "the limit leaves room"),
]


@pytest.mark.parametrize(("built", "kind", "advice", "why"), CASES, ids=[each[3] for each in CASES])
def test_a_limit_that_costs(built: Builder, kind: type[Verdict], advice: str, why: str) -> None:
    found = ask(units("rules")["memory_limit"], Signals(built.recording()))
    assert isinstance(found, kind), found
    if isinstance(found, Found):
        assert found.faults[0].sentence == "maps is at its memory limit of 96 MB" and advice in found.faults[0].remedy
