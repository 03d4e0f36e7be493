"""Rules on calls, answers on their way, connections and ports: at several noise levels, next to their look-alikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, Frame, Stacks
from loadlab.rules import Clear, Fault, Found, Unknown, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread, loop

NOISE = [(0.0, 1), (0.1, 2), (0.2, 3), (0.2, 4)]


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def first(found: Verdict) -> Fault:
    assert isinstance(found, Found), found
    return found.faults[0]


def calling(
    each: float = 15.0,
    ms: float = 2.0,
    *,
    at_once: float | None = None,
    cores: float = 0.3,
    system: float = 0.1,
    **more: Any,
) -> Builder:
    """200 requests/s into app, `each` calls of `ms` to back for each, outstanding as Little's law has it."""
    built = (
        Builder(**more)
        .service("app", Proc(cores=cores, system=system), uses=("back",))
        .service("back", Proc(cores=0.3))
    )
    built.load(200).generator().host()
    outstanding = 200 * each * ms / 1000 if at_once is None else at_once * 16
    edge = Entity("edge", "app", 0, name="back/0")
    built.edge("app", "back/0", outstanding=outstanding)
    built.counter("edges.segments_out", edge, 200 * each)
    built.counter("edges.segments_in", edge, 400 * each)  # head and body of an answer by themselves
    return built


CHATTY: list[tuple[Callable[..., Builder], type[Verdict], str]] = [
    (lambda **more: calling(15, 4.5, **more), Found, "time goes into the calls"),
    (lambda **more: calling(8, 9, **more), Found, "fewer and slower ones"),
    (lambda **more: calling(40, 0.2, cores=0.97, system=0.3, **more), Found, "CPU goes into calling"),
    (lambda **more: calling(1, 70, **more), Clear, "one slow call: slow_downstream"),
    (lambda **more: calling(3, 24, **more), Clear, "three calls are no crowd"),
    (lambda **more: calling(6, 90, **more), Clear, "calls that are slow by themselves"),
    (lambda **more: calling(15, 20, at_once=6, **more), Clear, "asked at once"),
    (lambda **more: calling(15, 1, **more), Clear, "many, but quick enough not to matter"),
    (lambda **more: calling(5, 0.2, cores=0.97, **more), Clear, "CPU goes into computing"),
    (lambda **more: calling(12, 0.2, cores=0.97, system=0.05, **more), Clear, "CPU goes into computing between calls"),
]


@pytest.mark.parametrize(("noise", "seed"), NOISE)
@pytest.mark.parametrize(("build", "expected", "why"), CHATTY, ids=[each[2] for each in CHATTY])
def test_many_calls_for_each_request(
    build: Callable[..., Builder], expected: type[Verdict], why: str, noise: float, seed: int
) -> None:
    built = build(noise=noise, seed=seed)
    found = verdict("chatty_downstream", built)
    assert isinstance(found, expected), (why, found)
    if isinstance(found, Found):
        assert found.faults[0].service == "app"


def bottleneck(built: Builder) -> str:
    found = diagnose(built.recording()).bottleneck
    return found.kind if found is not None else ""


def test_many_calls_come_before_what_they_use_up() -> None:
    assert bottleneck(calling(15, 4.5)) == "chatty_downstream"
    assert bottleneck(calling(40, 0.2, cores=0.97, system=0.3)) == "chatty_downstream"
    assert bottleneck(calling(1, 70)) == "slow_downstream"
    assert bottleneck(calling(5, 0.2, cores=0.97)) == "single_core"


def test_a_store_is_asked_once_in_its_own_way() -> None:
    assert "an endpoint that takes a list" in first(verdict("chatty_downstream", calling(15, 4.5))).remedy
    built = calling(15, 4.5)
    built.service("back", Proc(cores=0.9, busy=0.95), unit="redis", role="cache")
    assert "MGET, get_multi, or a pipeline" in first(verdict("chatty_downstream", built)).remedy


def test_statements_are_left_to_the_rule_that_reads_them() -> None:
    built = calling(15, 4.5)
    built.service("back", unit="postgres", role="database")
    assert isinstance(verdict("chatty_downstream", built), Clear)


def test_a_recording_without_segments_tells_nothing() -> None:
    built = calling(15, 4.5)
    del built.series["edges.segments_out"]
    assert isinstance(verdict("chatty_downstream", built), Unknown)


LIBRARY = "/usr/lib/python3.11"
PACKED = {
    "standard": ("sealed", "/srv/app/reports.py", "write", f"{LIBRARY}/gzip.py"),
    "brotli": ("sealed", "/srv/app/reports.py", "compress", "/v/lib/python3.11/site-packages/brotli.py"),
    "middleware": (
        "__call__",
        "/v/lib/python3.11/site-packages/starlette/routing.py",
        "apply_compression",
        "/v/lib/python3.11/site-packages/starlette/middleware/gzip.py",
    ),
    "unpacking": ("opened", "/srv/app/reports.py", "read", f"{LIBRARY}/gzip.py"),
    "other": ("sealed", "/srv/app/reports.py", "dumps", f"{LIBRARY}/json/__init__.py"),
}


def inside(
    built: Builder, share: float, outer: str, file: str, inner: str, library: str, service: str = "app"
) -> Builder:
    """300 samples of one thread: `share` of them in a library's function called from `outer`, the rest beside it."""
    run = Frame("run", f"{LIBRARY}/asyncio/runners.py", 190)
    deep = (run, Frame(outer, file, 20), Frame(inner, library, 300))
    wait = (run, Frame("select", f"{LIBRARY}/selectors.py", 468))
    count = round(300 * share)
    samples = (("MainThread", deep, count), ("MainThread", wait, 300 - count))
    built.stacks.append(Stacks(service, 0, built.pid, "all", samples))
    return built


def packing(share: float, what: str = "standard", *, cores: float = 0.97, **more: Any) -> Builder:
    built = Builder(**more).service("app", Proc(cores=cores)).load().generator().host()
    return inside(built, share * cores, *PACKED[what])


PACKING: list[tuple[Callable[..., Builder], type[Verdict], str]] = [
    (lambda **more: packing(0.8, **more), Found, "sealed"),
    (lambda **more: packing(0.6, "brotli", **more), Found, "sealed"),
    (lambda **more: packing(0.7, "middleware", **more), Found, "apply_compression"),
    (lambda **more: packing(0.3, **more), Clear, "the smaller part of its CPU"),
    (lambda **more: packing(0.8, "unpacking", **more), Clear, "decompresses"),
    (lambda **more: packing(0.8, "other", **more), Clear, "another library"),
    (lambda **more: packing(0.8, cores=0.4, **more), Clear, "has time left"),
]


@pytest.mark.parametrize(("noise", "seed"), NOISE)
@pytest.mark.parametrize(("build", "expected", "why"), PACKING, ids=[each[2] for each in PACKING])
def test_compressing_that_takes_the_cpu(
    build: Callable[..., Builder], expected: type[Verdict], why: str, noise: float, seed: int
) -> None:
    found = verdict("compression_cost", build(noise=noise, seed=seed))
    assert isinstance(found, expected), (why, found)
    if isinstance(found, Found):
        where = found.faults[0].where
        assert where is not None and where.function == why
        assert not where.file.startswith("/v/")


def test_compressing_comes_before_the_core_it_uses_up() -> None:
    assert bottleneck(packing(0.8)) == "compression_cost"
    assert bottleneck(packing(0.3)) == "single_core"


def shaking(
    share: float | None,
    *,
    connects: float = 200,
    cores: float = 0.97,
    scheme: str = "https",
    role: str = "app",
    native: bool = False,
    **more: Any,
) -> Builder:
    built = Builder(**more).service("app", Proc(cores=cores, system=0.1), scheme=scheme, role=role)
    built.load().generator(connects=connects).host()
    if share is None:
        return built
    if native:
        return inside(built, 0.9, "serve", f"{LIBRARY}/site.py", "run", "/v/site-packages/uvloop/__init__.py")
    handshake = ("buffer_updated", f"{LIBRARY}/asyncio/sslproto.py", "SSLObject.do_handshake", f"{LIBRARY}/ssl.py")
    return inside(built, share * cores, *handshake)


SHAKING: list[tuple[Callable[..., Builder], type[Verdict], str]] = [
    (lambda **more: shaking(0.6, **more), Found, "most of its CPU"),
    (lambda **more: shaking(0.45, connects=150, **more), Found, "most requests"),
    (lambda **more: shaking(0.1, **more), Clear, "handshakes are cheap here"),
    (lambda **more: shaking(0.6, connects=10, **more), Clear, "connections are kept"),
    (lambda **more: shaking(0.6, cores=0.4, **more), Clear, "it has time left"),
    (lambda **more: shaking(None, scheme="http", **more), Clear, "no TLS: connection_churn"),
    (lambda **more: shaking(None, role="balancer", **more), Found, "a proxy's CPU for each request"),
    (lambda **more: shaking(None, **more), Unknown, "no stacks, no telling"),
    (lambda **more: shaking(0.6, native=True, **more), Unknown, "an event loop in native code"),
]


@pytest.mark.parametrize(("noise", "seed"), NOISE)
@pytest.mark.parametrize(("build", "expected", "why"), SHAKING, ids=[each[2] for each in SHAKING])
def test_handshakes_that_take_the_cpu(
    build: Callable[..., Builder], expected: type[Verdict], why: str, noise: float, seed: int
) -> None:
    found = verdict("tls_handshakes", build(noise=noise, seed=seed))
    assert isinstance(found, expected), (why, found)


def test_handshakes_come_before_the_core_they_use_up() -> None:
    assert bottleneck(shaking(0.6)) == "tls_handshakes"
    assert bottleneck(shaking(0.1)) == "single_core"


def sends(built: Builder, service: str, sending: float, by_reader: float, rate: float = 10e6) -> None:
    """`sending` connections with something on its way, `by_reader` of that time held by the reader."""
    entity = Entity("listener", service, 0, name="127.0.0.1:8000")
    built.gauge("sends.sending", entity, sending)
    built.gauge("sends.queued_bytes", entity, 2e5 * sending)
    built.counter("sends.sent_bytes", entity, rate)
    built.counter("sends.busy_s", entity, sending)
    built.counter("sends.reader_limited_s", entity, sending * by_reader)


def workers(
    by_reader: float = 0.95, *, sending: float = 3.0, idle: float = 0.02, pool: bool = False, **more: Any
) -> Builder:
    """Three workers, or a loop and a pool of them, in socket calls most of the time."""

    def worker() -> Thread:
        share = {"running": 0.05, "socket_wait": 0.95 - idle, "" if pool else "idle_accept": idle}
        return Thread(0.05, 0.0, share, "" if pool else "idle_accept")

    if pool:
        processes = [Proc(cores=0.2, threads=[loop(0.02, idle=0.97), worker(), worker(), worker()])]
    else:
        processes = [Proc(cores=0.05, threads=[worker()]) for _ in range(3)]
    built = Builder(**more).service("app", *processes).load().generator().host()
    built.edge("generator", "app/0", outstanding=13)
    sends(built, "app", sending, by_reader)
    return built


def between(built: Builder) -> Builder:
    """Another service reads."""
    built.service("door", Proc(cores=0.1), role="balancer", upstream="app")
    built.edge("door", "app/0", outstanding=13)
    return built


HELD: list[tuple[Callable[..., Builder], type[Verdict], str]] = [
    (workers, Found, "three workers in sends"),
    (lambda **more: workers(0.7, **more), Found, "most of them"),
    (lambda **more: workers(pool=True, **more), Found, "threads of a pool"),
    (lambda **more: workers(0.05, **more), Clear, "the path is slow, not the reader: bandwidth"),
    (lambda **more: workers(sending=0.2, **more), Clear, "they wait for another service: worker_pool_exhausted"),
    (lambda **more: workers(idle=0.4, **more), Clear, "workers are left"),
    (lambda **more: between(workers(**more)), Clear, "a service of ours reads"),
]


@pytest.mark.parametrize(("noise", "seed"), NOISE)
@pytest.mark.parametrize(("build", "expected", "why"), HELD, ids=[each[2] for each in HELD])
def test_workers_held_by_readers(
    build: Callable[..., Builder], expected: type[Verdict], why: str, noise: float, seed: int
) -> None:
    found = verdict("slow_clients", build(noise=noise, seed=seed))
    assert isinstance(found, expected), (why, found)


def test_readers_that_hold_workers_come_before_the_workers() -> None:
    assert bottleneck(workers()) == "slow_clients"
    assert bottleneck(workers(sending=0.2)) == "worker_pool_exhausted"


def line(
    by_reader: float = 0.05,
    *,
    sending: float = 12.0,
    cores: float = 0.2,
    passing: float | None = None,
    out: float = 0.3,
    **more: Any,
) -> Builder:
    """app sends, 16 users read; with `passing`, through a service that uses so many cores and has `out` under way."""
    built = Builder(**more).service("app", Proc(cores=cores))
    if passing is not None:
        built.service("gate", Proc(cores=passing), uses=("app",))
        built.target = "gate"
    built.load().generator().host()
    built.edge("generator", "app/0" if passing is None else "gate/0", outstanding=1)
    if passing is not None:
        built.edge("gate", "app/0", outstanding=1)
        sends(built, "gate", out, 0.95 if out > 1 else 0.1)
    sends(built, "app", sending, by_reader)
    return built


def small(built: Builder) -> Builder:
    """Each of app's answers is 600 bytes."""
    (queued,) = built.series["sends.queued_bytes"]
    queued.v[:] = queued.v * 600 / 2e5
    return built


def watched(built: Builder) -> Builder:
    """loadlab looks inside app, too."""
    return built.edge("loadlab", "app/0", outstanding=0)


FLAT: list[tuple[Callable[..., Builder], type[Verdict], str]] = [
    (line, Found, "app"),
    (lambda **more: line(0.95, passing=0.2, **more), Found, "gate"),
    (lambda **more: line(0.95, **more), Clear, "clients read slowly: slow_clients"),
    (lambda **more: line(0.95, passing=0.97, **more), Clear, "what passes it on has no time left"),
    (lambda **more: watched(line(passing=0.97, **more)), Clear, "small answers wait for a reader without time"),
    (lambda **more: watched(line(passing=0.2, **more)), Found, "app"),
    (lambda **more: line(0.95, passing=0.2, out=12, **more), Clear, "and clients read slowly from there"),
    (lambda **more: line(sending=2, **more), Clear, "few requests are answers under way"),
    (lambda **more: small(line(**more)), Clear, "they are small: an acknowledgement is late, no link is full"),
    (lambda **more: line(cores=0.97, **more), Clear, "the service has no time left"),
]


@pytest.mark.parametrize(("noise", "seed"), NOISE)
@pytest.mark.parametrize(("build", "expected", "why"), FLAT, ids=[each[2] for each in FLAT])
def test_a_link_that_lets_no_more_through(
    build: Callable[..., Builder], expected: type[Verdict], why: str, noise: float, seed: int
) -> None:
    found = verdict("bandwidth", build(noise=noise, seed=seed))
    assert isinstance(found, expected), (why, found)
    if isinstance(found, Found):
        assert found.faults[0].service == why
