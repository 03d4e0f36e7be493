"""Misses that come in bursts, next to caches that miss evenly and to throughput that falls for another reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, RequestInterval
from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import Signals
from tests.build import END, STEADY, Builder, Proc

PERIOD, STALL = 5, 2
"""Every five seconds a key ends; then two seconds of standing still."""


def verdict(built: Builder) -> Verdict:
    return ask(units("rules")["cache_stampede"], Signals(built.recording()))


def system(
    *,
    herd: float = 40.0,
    evenly: float = 0.0,
    written: float = 1.0,
    released: float = 0.0,
    falls: float = 0.02,
    apart: float = 0.0,
    times: int = 99,
    noise: float = 0.05,
    seed: int = 1,
) -> Builder:
    """A page kept for a few seconds. herd: misses when it ends; evenly: further ones each second, of keys nobody puts
    there; written: of the misses; released: locks, of the misses; falls: what is left of the throughput then; apart:
    seconds from a burst to the fall; times: how often it happens from the measured window on."""
    built = Builder(noise=noise, seed=seed).service("app", Proc(cores=0.5), uses=("cache",))
    built.service("cache", Proc(cores=0.1), role="cache", unit="redis").load(1000, growth=1.9).generator().host()
    first = STEADY[0] + 1
    ends = [first + 2 + PERIOD * each for each in range(min(times, int((END - first) / PERIOD)))]
    missed, ended = evenly * built.t, np.zeros(len(built.t))
    for t in ends:
        missed = missed + herd * (built.t >= t + 0.5)
        ended = ended + (built.t >= t + 0.5)
    server = Entity("server", "cache")
    built.counter("redis.hits", server, 1000)
    built.add("redis.misses", server, missed)
    built.add("redis.expired", server, ended)
    built.counter("redis.evicted", server, 0)
    built.add("redis_commands.calls", Entity("command", "cache", name="set"), missed * written)
    built.add("redis_commands.calls", Entity("command", "cache", name="evalsha"), missed * released)
    built.requests = [each for each in built.requests if each.end <= STEADY[0]]
    for start in np.arange(STEADY[0], END):
        still = any(t + apart <= start < t + apart + STALL for t in ends)
        rps = (1000 * falls if still else 1000) * max(0.1, 1 + noise * float(built.random.standard_normal()))
        if rps >= 1:
            one = (float(start), float(start) + 1, "GET /", "ok", round(rps), 20.0 * rps, 5.0, 9.0, 20.0, 30.0)
            built.requests.append(RequestInterval(*one))
    return built


CASES: list[tuple[dict[str, Any], type[Verdict], str]] = [
    ({}, Found, "forty at once"),
    ({"herd": 8}, Found, "eight are enough where the work is long"),
    ({"falls": 0.0}, Found, "seconds without any answer"),
    ({"falls": 0.4}, Found, "a database with a few cores"),
    ({"evenly": 1.0}, Found, "some other keys besides"),
    ({"herd": 1}, Clear, "one fills it for all: nothing is wrong, whatever throughput does"),
    ({"falls": 1.0}, Clear, "the work is so cheap that nobody suffers"),
    ({"evenly": 60.0}, Clear, "most misses are of keys that nobody puts there"),
    ({"written": 0.0}, Clear, "nobody puts it there"),
    ({"written": 0.03}, Clear, "one puts it there, and all others wait for that one"),
    ({"written": 3.0, "released": 1.0}, Clear, "a lock in the cache: its SET NX are no values"),
    ({"apart": 3.0, "herd": 8}, Clear, "throughput falls at other times: collections, checkpoints"),
    ({"times": 1}, Clear, "once: a start, or an emptied cache"),
]


@pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.1, 2), (0.15, 3)])
@pytest.mark.parametrize(("given", "expected", "why"), CASES, ids=[each[2] for each in CASES])
def test_a_stampede(given: dict[str, Any], expected: type[Verdict], why: str, noise: float, seed: int) -> None:
    found = verdict(system(noise=noise, seed=seed, **given))
    assert isinstance(found, expected), (why, found)
    if isinstance(found, Found):
        assert found.faults[0].service == "cache"
        assert "requests at once do the work of one" in found.faults[0].sentence


def test_it_is_a_defect_though_no_limit_was_reached() -> None:
    found = diagnose(system().recording())
    assert found.bottleneck is not None
    assert found.bottleneck.kind == "cache_stampede"
    assert found.bottleneck.remedy.step == "single_flight"


def test_a_cache_that_told_nothing_is_unknown() -> None:
    built = system()
    del built.series["redis.misses"]
    assert isinstance(verdict(built), Unknown)


def test_memcached_does_not_tell_what_was_written() -> None:
    built = system()
    for name in ("hits", "misses", "expired", "evicted"):
        built.series[f"memcached.{name}"] = built.series.pop(f"redis.{name}")
    found = verdict(built)
    assert isinstance(found, Found)
    assert found.faults[0].signals == 1
    assert "wait for it" in found.faults[0].sentence
