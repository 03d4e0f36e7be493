"""A lock held while one computes, in a runtime that spreads work over its threads: no thread is seen in line."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Fixed, Proc, Thread

ORIGIN = Entity("edge", "generator", 0, name="wax/0")


def hashing(
    *, unread: float = 0.0, cores: tuple[float, float] = (0.82, 0.19), idle: float = 0.86, away: float = 0.0,
    alone_ms: float = 10.1, role: str = "app",
) -> Builder:  # fmt: skip
    """Recorded of Go with a mutex round its hashing, two cores, 8 users, 94 requests/s. unread: bytes that the process
    had not read of what was sent to it, in each look."""
    turns = [
        Thread(cores[0], 0.0, {"running": cores[0], "idle_epoll": 0.06, "futex": 0.94 - cores[0]}, "idle_epoll"),
        Thread(cores[1], 0.0, {"running": cores[1], "idle_epoll": 0.25, "futex": 0.75 - cores[1]}, "idle_epoll"),
    ]
    built = Builder().service("wax", Proc(cores=sum(cores), threads=turns), role=role)
    built.service("rail", Proc(cores=0.01, busy=0.02))
    built.target = "wax"
    built.load(94, growth=1.0, users=8).generator(0.02, in_flight=8).host(idle=idle)
    built.edge("generator", "wax/0", outstanding=8.0)
    built.add("edges.unread_bytes", ORIGIN, np.full(len(built.t), unread))
    if away:
        built.edge("wax", "rail/0", outstanding=away)
    built.histograms = Fixed(p50_ms=alone_ms / 1.1)
    return built


CASES = [
    (hashing(), Found, "a lock round the work"),
    (hashing(unread=924.0), Clear, "may use one core only: who waits is not read"),
    (hashing(cores=(0.55, 0.15)), Clear, "less than one core"),
    (hashing(cores=(0.9, 0.8), idle=0.2), Clear, "several compute at once"),
    (hashing(idle=0.1), Clear, "no other core is idle"),
    (hashing(away=7.0), Clear, "they wait for another service"),
    (hashing(alone_ms=80.0), Clear, "many are served at once"),
    (hashing(role="balancer"), Clear, "a balancer"),
]


@pytest.mark.parametrize(("built", "kind", "why"), CASES, ids=[each[2] for each in CASES])
def test_one_at_a_time_computes_under_a_lock(built: Builder, kind: type[Verdict], why: str) -> None:
    found = ask(units("rules")["lock_contention"], Signals(built.recording()))
    assert isinstance(found, kind), found
    if isinstance(found, Found):
        assert "one at a time computes, under a lock" in found.faults[0].sentence
        assert "uvicorn" not in found.faults[0].remedy


def multiplexed(*, cores: float, processes: int = 1, role: str = "cache") -> Builder:
    """Recorded of Node, whose requests share one connection to Redis: a script of 12 ms runs there for each."""
    built = Builder().service("board", Proc(cores=0.04, busy=0.06))
    built.service("shelf", *[Proc(cores=cores)] * processes, role=role)
    built.target = "board"
    built.load(87, growth=1.0, users=8).generator(0.02, in_flight=8).host(idle=0.9)
    built.edge("generator", "board", outstanding=8.0).edge("board", "shelf", outstanding=1.0, connections=1)
    return built


CALLEES = [
    (multiplexed(cores=0.2), Found, "it has time left: one at a time asks it"),
    (multiplexed(cores=0.97), Clear, "it has none: who asks waits for it"),
    (
        multiplexed(cores=0.97, role="database"),
        Found,
        "a database has a process for each connection, and one is in use",
    ),
]


@pytest.mark.parametrize(("built", "kind", "why"), CALLEES, ids=[each[2] for each in CALLEES])
def test_who_shares_a_connection_to_a_full_server_holds_no_lock(built: Builder, kind: type[Verdict], why: str) -> None:
    found = ask(units("rules")["lock_contention"], Signals(built.recording()))
    assert isinstance(found, kind), found
