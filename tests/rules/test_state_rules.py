"""Rules on state that is kept, or lost, between requests: each with its look-alikes."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, ErrorKind, RequestInterval
from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def behind(*denied: float, requests: float = 100.0, noise: float = 0.0) -> Builder:
    """An instance for each of `denied`, requests a second that it denied, behind one balancer."""
    built = Builder(noise=noise)
    ports = tuple(9001 + each for each in range(len(denied)))
    built.service("app", *(Proc(cores=0.4, instance=each) for each in range(len(ports))), ports=ports)
    built.service("lb", Proc(cores=0.1), role="balancer", upstream="app")
    built.target = "lb"
    built.load(growth=1.02).generator().host()
    for port, rate in zip(ports, denied, strict=True):
        entity = Entity("upstream", "lb", 0, name=f"127.0.0.1:{port}")
        built.counter("nginx.requests", entity, requests)
        built.counter("nginx.denied", entity, rate)
    return built


def asked(built: Builder, ok: int, denied: int, error: str = "HTTP 401") -> Builder:
    """What became of GET /profile over the run."""
    if ok:
        built.requests.append(RequestInterval(20, 21, "GET /profile", "ok", ok, 1.0, 1, 1, 1, 1))
    if denied:
        built.errors.append(ErrorKind("GET /profile", error, denied, 5.0, 50.0))
    return built


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(("instances", "ok", "denied"), [(2, 5000, 5100), (3, 3300, 6700), (2, 6500, 3500)])
def test_sessions_in_memory_behind_several_instances(instances: int, ok: int, denied: int, noise: float) -> None:
    found = verdict("lost_sessions", asked(behind(*[25.0] * instances, noise=noise), ok, denied))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.service == "app" and fault.signals == 3
    assert fault.sentence.startswith(f"{100 * denied / (ok + denied):.0f}% of the requests")


def test_it_comes_before_the_cores_that_the_failing_requests_fill() -> None:
    built = asked(behind(25, 25), 5000, 5000)
    first = diagnose(built.recording()).bottleneck
    assert first is not None and first.kind == "lost_sessions" and first.grade == "supported"


LOOK_ALIKES = [
    (behind(0, 0), 9000, 0, "HTTP 401", Clear, "nobody is denied"),
    (behind(25, 25), 5000, 5000, "HTTP 503", Clear, "overload is no denial"),
    (behind(25), 5000, 5000, "HTTP 401", Clear, "one instance knows all there is to know"),
    (behind(25, 25), 0, 9000, "HTTP 403", Unknown, "wrong credentials are always wrong"),
    (behind(50, 0.5), 5000, 5000, "HTTP 401", Clear, "one instance that is wrong"),
    (behind(25, 25), 9900, 100, "HTTP 401", Clear, "tokens that expire"),
    (behind(25, 25), 10, 10, "HTTP 401", Clear, "too few to tell"),
]


@pytest.mark.parametrize(
    ("built", "ok", "denied", "error", "expected", "why"), LOOK_ALIKES, ids=[each[5] for each in LOOK_ALIKES]
)
def test_denials_of_another_cause(
    built: Builder, ok: int, denied: int, error: str, expected: type[Verdict], why: str
) -> None:
    assert isinstance(verdict("lost_sessions", asked(built, ok, denied, error)), expected), why


def pictures(
    built: Builder, ok: int, errors: dict[str, int], *, put: int = 2000, path: str = "/pictures/[id]"
) -> Builder:
    """What became of reads of things that `put` requests had written."""
    for name, count in ((f"PUT {path}", put), ("GET /pictures/[id]", ok)):
        if count:
            built.requests.append(RequestInterval(20, 21, name, "ok", count, 1.0, 1, 1, 1, 1))
    built.errors += [ErrorKind("GET /pictures/[id]", error, count, 5.0, 50.0) for error, count in errors.items()]
    for series in list(built.series.get("nginx.denied", [])):
        built.series.setdefault("nginx.not_found", []).append(series)
    return built


OLD = "another picture than the one that was sent last"
WRITTEN = [
    (pictures(behind(25, 25), 3000, {"HTTP 404": 3000}), Found, "each keeps its own"),
    (pictures(behind(25, 25), 3000, {"HTTP 404": 1000, OLD: 2000}), Found, "an older one is as wrong as none"),
    (pictures(behind(25, 25, 25), 3000, {"HTTP 404": 6000}, path="/pictures"), Found, "made above what is read"),
    (pictures(behind(25), 3000, {"HTTP 404": 3000}), Clear, "one instance has all there is"),
    (pictures(behind(25, 25), 3000, {"HTTP 404": 3000}, put=0), Clear, "never written"),
    (pictures(behind(25, 25), 3000, {"HTTP 404": 3000}, path="/orders"), Clear, "something else was written"),
    (pictures(behind(25, 25), 5500, {"HTTP 404": 500}), Clear, "now and then somebody asks for what is not there"),
    (pictures(behind(50, 0.5), 3000, {"HTTP 404": 3000}), Clear, "one of them lost its disk"),
    (pictures(behind(25, 25), 3000, {"HTTP 500": 3000}), Clear, "failures of another kind"),
    (pictures(behind(25, 25), 3000, {"ConnectionReset": 3000}), Clear, "the wire's failures"),
    (pictures(behind(25, 25), 0, {"HTTP 404": 6000}), Unknown, "never found at all"),
]


@pytest.mark.parametrize(("built", "expected", "why"), WRITTEN, ids=[each[2] for each in WRITTEN])
def test_what_one_instance_keeps_of_what_was_written(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("lost_sessions", built)
    assert isinstance(found, expected), why
    if isinstance(found, Found):
        (fault,) = found.faults
        assert "of the reads of what was written before fail" in fault.sentence and fault.signals == 2


def cached(
    hits: float, misses: float, *, evicted: float = 0.0, expired: float = 0.0, used: float = 2e6, early: float = 1.0
) -> Builder:
    """A shop with a cache. early: how much fuller the counters of misses were before the window's middle."""
    built = Builder().service("app", Proc(cores=0.5), uses=("cache",)).load(growth=1.02).generator()
    built.service("cache", Proc(cores=0.1), role="cache").host()
    entity = Entity("server", "cache")
    rates = {"hits": hits, "misses": misses, "evicted": evicted, "expired": expired}
    for name, rate in rates.items():
        built.counter(f"redis.{name}", entity, rate)
    for name, value in (("used_bytes", used), ("limit_bytes", 2e6)):
        built.gauge(f"redis.{name}", entity, value)
    if early != 1.0:
        series = built.series["redis.misses"][0]
        series.v[:] = series.t.clip(max=26.0) * misses * early + (series.t - 26.0).clip(min=0.0) * misses / early
    return built


MISSES = [
    (cached(100, 300, evicted=280), Found, "too small"),
    (cached(100, 300, expired=290, used=1e5), Found, "expires too soon"),
    (cached(950, 50, evicted=50), Clear, "nearly all is there"),
    (cached(100, 300), Clear, "nobody ever put it there"),
    (cached(1, 3, evicted=3), Clear, "next to no load"),
    (cached(100, 300, evicted=280, early=1.6), Clear, "it is still warming up"),
    (cached(0, 0), Clear, "nothing is asked of it"),
]


@pytest.mark.parametrize(("built", "expected", "why"), MISSES, ids=[each[2] for each in MISSES])
def test_a_cache_that_does_not_hold_what_is_asked_for(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("cache_misses", built)
    assert isinstance(found, expected)
    if isinstance(found, Found):
        assert why in found.faults[0].sentence and found.faults[0].service == "cache"


def commanded(*commands: tuple[str, float, float], cores: float = 0.95) -> Builder:
    """A cache that does (command, calls a second, share of its thread)."""
    built = cached(100, 5)
    built.service("cache", Proc(cores=cores), role="cache").host()
    for name, calls, share in commands:
        entity = Entity("command", "cache", name=name)
        built.counter("redis_commands.calls", entity, calls)
        built.counter("redis_commands.time_s", entity, share)
    return built


COMMANDS = [
    (commanded(("keys", 40, 0.8), ("get", 2000, 0.01)), Found, "KEYS occupies cache: 20.0 ms a call"),
    (commanded(("eval", 71, 0.83), ("zrange", 71, 0.28)), Found, "EVAL occupies cache: 11.7 ms a call"),
    (commanded(("eval", 1650, 0.97), ("lrange", 1650, 0.21)), Found, "EVAL occupies cache: 0.6 ms a call"),
    (commanded(("keys", 162, 1.06)), Found, "KEYS occupies cache: 6.5 ms a call, 100% of its one thread"),
    (commanded(("get", 90_000, 0.8)), Clear, "many cheap ones"),
    (commanded(("keys", 4, 0.08), cores=0.1), Clear, "it has time"),
    (commanded(("keys", 20, 0.3), ("sort", 20, 0.3), ("hgetall", 20, 0.3)), Clear, "several share it"),
]


@pytest.mark.parametrize(("built", "expected", "why"), COMMANDS, ids=[each[2] for each in COMMANDS])
def test_one_command_that_occupies_a_cache(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("cache_slow_command", built)
    assert isinstance(found, expected)
    if isinstance(found, Found):
        assert found.faults[0].sentence.startswith(why)


def test_more_workers_are_no_advice_for_a_cache() -> None:
    """It does one command at a time, whatever it is started with."""
    found = verdict("single_core", commanded(("get", 90_000, 0.9), cores=0.97))
    assert isinstance(found, Found) and found.faults[0].remedy.startswith("Ask it less")


def test_what_a_script_does_itself_did_not_wait_behind_it() -> None:
    found = verdict("cache_slow_command", commanded(("eval", 71, 0.83), ("zrange", 71, 0.28)))
    assert isinstance(found, Found) and "script" in found.faults[0].remedy
    assert not any("waited behind" in each.says for each in found.faults[0].evidence)


def queueing(growth: float, *, arrived: float = 100.0, start: float = 0.0, wave: float = 0.0) -> Builder:
    """A queue whose length is a line from `start`, with a wave on it."""
    built = Builder().service("app", Proc(cores=0.3)).load(growth=1.02).generator().host()
    built.service("queue", Proc(cores=0.1), role="queue")
    entity = Entity("queue", "queue", name="orders")
    line = start + growth * (built.t - 4.0).clip(min=0.0) + wave * (1 + (built.t % 10 < 5))
    built.add("queues.waiting", entity, line)
    built.gauge("queues.taken", entity, 2)
    built.gauge("queues.consumers", entity, 2)
    built.counter("queues.arrived", entity, arrived, before=arrived)
    return built


QUEUES = [
    (queueing(60), Found, "60 more each second"),
    (queueing(0, start=500), Clear, "long, but it does not grow"),
    (queueing(0.5), Clear, "too slow to be told"),
    (queueing(5, arrived=1000), Clear, "one in two hundred"),
    (queueing(0.5, wave=400), Clear, "it fills and empties"),
]


@pytest.mark.parametrize(("built", "expected", "why"), QUEUES, ids=[each[2] for each in QUEUES])
def test_messages_that_pile_up(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("queue_backlog", built)
    assert isinstance(found, expected)
    if isinstance(found, Found):
        assert why in found.faults[0].sentence and found.faults[0].gain == pytest.approx(2.5, 0.05)


def standing(now: float = 4.0, before: float = 0.0, *, cores: float = 0.3, wave: float = 0.0) -> Builder:
    """Recorded of Celery: eight requests wait for results, two of its processes each for another service."""
    built = Builder().service("app", Proc(cores=0.2, busy=0.2), uses=("store",)).load(45, users=8)
    built.service("store", Proc(cores=0.03), unit="redis").service("carrier", Proc(cores=0.05))
    full = [Thread(cores / 2, 0.0, {"running": cores / 2, "socket_wait": 0.97 - cores / 2})]
    built.service("clerk", *[Proc(cores=cores / 2, threads=full)] * 2, role="worker").generator(in_flight=8).host()
    built.edge("generator", "app", outstanding=8).edge("app", "store", outstanding=7.5)
    built.edge("clerk", "store", outstanding=0.1).edge("clerk", "carrier", outstanding=1.6)
    steady = (built.t >= 20.0) * (now + wave * (built.t % 4 < 2))
    built.add("queues.waiting", Entity("queue", "store", name="celery"), np.where(built.t >= 20.0, steady, before))
    return built


def test_a_queue_that_is_never_empty_while_requests_stand_in_it() -> None:
    first = diagnose(standing().recording()).bottleneck
    assert first is not None and (first.kind, first.service) == ("queue_backlog", "clerk")
    assert "clerk works on no more messages at a time, while 4 wait in celery of store" in first.sentence
    assert any("1.6 of its calls at a time were at carrier" in each.says for each in first.evidence)
    assert isinstance(verdict("slow_downstream", standing()), Clear), "they wait for consumers, not for the store"


@pytest.mark.parametrize(
    "built",
    [standing(0.0, wave=4.0), standing(before=4.0), standing(100.0), standing(1.0)],
    ids=["empty now and then", "a list as long with few users", "more than there are requests", "hardly any of them"],
)
def test_no_queue_that_requests_stand_in(built: Builder) -> None:
    assert isinstance(verdict("queue_backlog", built), Clear)
    assert isinstance(verdict("slow_downstream", built), Found)


def test_of_a_list_that_was_seen_at_one_number_of_users_nothing_is_known() -> None:
    """What came last, as many as are kept, is as long whoever asks."""
    built = standing()
    built.levels = [each for each in built.levels if each.phase != "search"]
    assert isinstance(verdict("queue_backlog", built), Clear)


def test_more_consumers_are_no_help_to_those_without_a_core() -> None:
    assert isinstance(verdict("queue_backlog", standing(cores=1.96)), Clear)


def test_a_store_that_grows_with_its_queue_leaks_nothing() -> None:
    built = queueing(600)
    broker = next(each.entity for each in built.series["process.rss_bytes"] if each.entity.service == "queue")
    built.series["process.rss_bytes"] = [each for each in built.series["process.rss_bytes"] if each.entity != broker]
    built.add("process.rss_bytes", broker, 30e6 + 0.65e6 * built.t)
    assert isinstance(verdict("memory_leak", built), Found), "by itself it looks like one"
    found = diagnose(built.recording())
    assert found.bottleneck is not None and found.bottleneck.kind == "queue_backlog"
    assert not [each for each in found.others if each.kind == "memory_leak"]
