"""Rules on what stands in front: its queue, its own core, its limits; each with its look-alikes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, ErrorKind, Quantiles, RequestInterval
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import SEARCH, STEADY, Builder, Fixed, Proc


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def queueing(
    queued: float, sessions: float, limit: float | None = 4.0, *, busy: float = 0.3, front: float = 16.0
) -> Builder:
    """HAProxy before two instances."""
    built = Builder()
    built.service("app", *(Proc(cores=busy / 2, busy=busy, instance=each) for each in (0, 1)), ports=(9001, 9002))
    built.service("lb", Proc(cores=0.1), role="balancer", upstream="app", ports=(8000,))
    built.target = "lb"
    built.load(growth=1.02).generator().host()
    for name in ("127.0.0.1:9001", "127.0.0.1:9002"):
        entity = Entity("upstream", "lb", name=name)
        values = {"queued": 0.0, "sessions": sessions, "queue_ms": 30.0, "response_ms": 10.0}
        for metric, value in (values | ({"limit": limit} if limit is not None else {})).items():
            built.gauge(f"haproxy.{metric}", entity, value)
        built.counter("haproxy.requests", entity, 100)
    built.gauge("haproxy.queued", Entity("upstream", "lb", name="backend"), 2 * queued)
    built.gauge("haproxy.sessions", Entity("upstream", "lb", name="backend"), sessions)
    inward = Entity("upstream", "lb")
    built.gauge("haproxy.sessions", inward, front)
    built.gauge("haproxy.limit", inward, 100.0)
    return built


WAITING = [
    (queueing(5, 4), Found, "lets 4 at a time through"),
    (queueing(0, 4, None, front=99), Found, "its own limit of 100 connections"),
    (queueing(0, 4), Clear, "the limit is reached, but nobody waits"),
    (queueing(5, 4, busy=0.99), Clear, "the servers have no time left: the queue protects them"),
    (queueing(0, 1, None), Clear, "no limit"),
]


@pytest.mark.parametrize(("built", "expected", "why"), WAITING, ids=[each[2] for each in WAITING])
def test_requests_that_queue_in_the_balancer(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("balancer_queue", built)
    assert isinstance(found, expected), found
    if isinstance(found, Found):
        assert why in found.faults[0].sentence and found.faults[0].service == "lb"


def keeping(
    inside: float = 8.0,
    behind: float = 4.0,
    *,
    served: float = 4.0,
    busy: float = 0.07,
    own: float = 0.02,
    far: float = 0.03,
    role: str = "balancer",
    connections: float = 6,
) -> Builder:
    """A balancer that nobody reads, before an app that asks a third. As recorded of HAProxy with maxconn 2 of each of
    two servers, started by a command: 3 connections to each, of which 2 awaited an answer at each of 22 looks."""
    built = Builder().service("app", Proc(cores=busy, busy=busy)).service("lb", Proc(cores=own), role=role)
    built.service("far", Proc(cores=far, busy=far), role="external")
    built.target = "lb"
    built.load(60.0, growth=1.02, users=8).generator().host()
    built.histograms = Fixed(p50_ms=1000 * served / 60.0 / 1.1)
    built.edge("generator", "lb", outstanding=inside, connections=8)
    built.edge("lb", "app", outstanding=behind, connections=connections)
    built.edge("app", "far", outstanding=behind, connections=connections)
    return built


def wavering() -> Builder:
    """As many behind it in the mean, at one look more and at the next fewer."""
    built = keeping()
    mine = built.series["edges.outstanding"]
    mine[1] = replace(mine[1], v=np.where(np.arange(len(mine[1].t)) % 2, 2.0, 6.0))
    return built


def answering_itself() -> Builder:
    """A cache: a third of the requests is passed on."""
    built = keeping()
    for way in ("segments_out", "segments_in"):
        built.counter(f"edges.{way}", Entity("edge", "lb", 0, name="app"), 20)
    return built


KEEPING = [
    (keeping(), Found, "lets 4 at a time through to app"),
    (keeping(8, 8, served=8), Clear, "all are behind it"),
    (keeping(served=8), Clear, "more are served than connections show: they carry several at a time"),
    (keeping(busy=0.95), Clear, "the server has no time left"),
    (keeping(far=0.95), Clear, "whom the server asks has no time left"),
    (keeping(own=0.95), Clear, "the balancer itself has no time left"),
    (wavering(), Clear, "not always as many: what waits in it waits for something else"),
    (answering_itself(), Clear, "it answers part of them by itself"),
]


@pytest.mark.parametrize(("built", "expected", "why"), KEEPING, ids=[each[2] for each in KEEPING])
def test_requests_that_a_balancer_keeps_whose_counts_nobody_reads(
    built: Builder, expected: type[Verdict], why: str
) -> None:
    found = verdict("balancer_queue", built)
    assert isinstance(found, expected), found
    if isinstance(found, Found):
        assert why in found.faults[0].sentence and found.faults[0].service == "lb"


def test_a_balancer_that_keeps_requests_is_told_before_what_its_servers_wait_for() -> None:
    """And once: that each of few connections is taken is the same."""
    found = diagnose(keeping().recording())
    assert found.bottleneck is not None and found.bottleneck.kind == "balancer_queue"
    assert "connection_pool_exhausted" not in {each.kind for each in found.others}


@pytest.mark.parametrize(
    ("built", "kind"),
    [
        (keeping(role="app"), "lock_contention"),
        (keeping(role="app", connections=4), "connection_pool_exhausted"),
        (keeping(role="app", busy=0.95), "single_core"),
    ],
    ids=["connections are left", "none is left", "whom it asks has no time left"],
)
def test_what_is_not_known_to_be_a_balancer_lets_few_through_as_well(built: Builder, kind: str) -> None:
    found = diagnose(built.recording())
    assert found.bottleneck is not None and found.bottleneck.kind == kind, found.sentence
    assert (kind == "lock_contention") == ("4 at a time are let through to app" in found.sentence)


def loaded(balancer: float, app: float, role: str = "balancer") -> Builder:
    built = Builder().service("lb", Proc(cores=balancer), role=role, upstream="app").service("app", Proc(cores=app))
    return built.load(growth=1.02).generator().host()


CPU = [
    (loaded(0.96, 0.4), Found, "the balancer's core"),
    (loaded(0.96, 0.97), Clear, "what stands behind it is full as well"),
    (loaded(0.3, 0.97), Clear, "it has time"),
    (loaded(0.96, 0.4, role="app"), Clear, "no balancer"),
]


@pytest.mark.parametrize(("built", "expected", "why"), CPU, ids=[each[2] for each in CPU])
def test_a_balancer_that_uses_up_its_core(built: Builder, expected: type[Verdict], why: str) -> None:
    assert isinstance(verdict("balancer_cpu", built), expected)


@pytest.mark.parametrize(
    ("got", "sent", "others", "compresses"),
    [(23e6, 5.5e6, False, True), (23e6, 23.1e6, False, False), (6e6, 5.5e6 / 2, True, False), (6e4, 3e4, False, False)],
    ids=["recorded of gzip", "passed on", "somebody else asks the servers, too", "heads, mostly"],
)
def test_a_balancer_that_compresses_is_to_do_less_of_it(
    got: float, sent: float, others: bool, compresses: bool
) -> None:
    built = loaded(0.96, 0.4).edge("lb", "app", outstanding=2)
    if others:
        built.service("job", Proc(cores=0.01)).edge("job", "app", outstanding=1)
    for name, rate in (("app", got), ("lb", sent)):
        entity = Entity("listener", name, name="127.0.0.1:80")
        for metric in ("sending", "queued_bytes"):
            built.gauge(f"sends.{metric}", entity, 1.0)
        for metric in ("busy_s", "reader_limited_s", "buffer_limited_s"):
            built.counter(f"sends.{metric}", entity, 0.1)
        built.counter("sends.sent_bytes", entity, rate)
    found = verdict("balancer_cpu", built)
    assert isinstance(found, Found)
    assert found.faults[0].remedy.startswith("Lower its level of compression") == compresses


def test_a_balancers_core_is_told_once() -> None:
    """And its name keeps its spelling at the start of the sentence."""
    assert diagnose(loaded(0.96, 0.4).recording()).sentence.startswith("lb, the balancer, is limited by one CPU core")
    assert isinstance(verdict("single_core", loaded(0.96, 0.4)), Clear)


@dataclass
class Unequal(Fixed):
    """Failures answered at another speed than the rest."""

    ok_ms: float = 5.0
    fail_ms: float = 1.0
    later_ms: float | None = None
    """Of good answers from the second level of the search on."""

    def quantiles(
        self, start: float, end: float, *, what: str, endpoint: str | None, result: str | None
    ) -> Quantiles | None:
        good = self.later_ms if self.later_ms is not None and start > SEARCH[0] else self.ok_ms
        p50 = self.fail_ms if result == "fail" else good
        return Fixed(p50_ms=p50).quantiles(start, end, what=what, endpoint=endpoint, result=result)


def refusing(code: str, *, fast: float = 1.0, cores: float = 0.2, behind: bool = False, nginx: bool = True) -> Builder:
    """Half of the requests refused, by nginx or by what stands behind it."""
    built = Builder().service("app", Proc(cores=cores)).service("lb", Proc(cores=0.05), role="balancer", upstream="app")
    built.target = "lb"
    built.load(100, failed=100, growth=1.0).generator().host()
    built.histograms = Unequal(fail_ms=fast)
    built.errors.append(ErrorKind("GET /", code, 4000, 5.0, 55.0))
    if nginx:
        built.counter("nginx.rejected", Entity("upstream", "lb"), 100)
        built.counter("nginx.rejected", Entity("upstream", "lb", name="127.0.0.1:9"), 100 if behind else 0)
    return built


def overloaded() -> Builder:
    """Refused only from the level on at which the server is full."""
    built = refusing("HTTP 503", cores=0.97)
    built.requests = [each for each in built.requests if each.result == "ok" or each.start >= STEADY[0]]
    return built


def limiting() -> Builder:
    """The server answers 100 a second, however many are asked for, and the rest 503 at once."""
    built = refusing("HTTP 503", nginx=False)
    steady = [replace(each, count=round(100 * (each.end - each.start))) for each in built.requests]
    built.requests = [each for each in steady if each.result == "ok" or each.start > 10]
    return built


def crowding(early: float) -> Builder:
    """As recorded of uvicorn's --limit-concurrency: with half of the users that fill it a few come at one moment
    and are refused, while more users bring more good answers. early: refused a second there."""
    built = limiting()
    middle = built.levels[-3]
    built.requests = [
        each
        for each in built.requests
        if each.start >= middle.end or (each.result == "ok" and each.end <= middle.start)
    ]
    for result, rate in (("ok", 60.0), ("fail", early)):
        count = round(rate * (middle.end - middle.start))
        built.requests.append(RequestInterval(middle.start, middle.end, "GET /", result, count, 90.0, 5, 9, 20, 30))
    return built


def unseen(later_ms: float | None = None, cores: float = 0.2) -> Builder:
    """Recorded of Varnish before a backend with max_connections: of its 216 threads each is looked at five times a
    second, too seldom to tell how busy it was at the level where refusing began."""
    built = refusing("HTTP 503", nginx=False, cores=cores)
    built.requests = [
        replace(each, count=round(100 * (each.end - each.start))) for each in built.requests if each.result == "ok"
    ] + [each for each in built.requests if each.result != "ok" and each.start > 10]
    built.histograms = Unequal(ok_ms=50.0, later_ms=later_ms)
    for each in built.series["threads.samples"]:
        each.v[:] /= 20
    return built


@pytest.mark.parametrize(
    ("to_app", "to_stock", "to_auth", "who"),
    [(200, 100, None, "app"), (100, 100, None, "lb"), (200, 200, None, "stock"), (100, 100, 200, "lb")],
    ids=["handed on, refused by the next", "not handed on", "by the last", "of two that are asked one is asked less"],
)
def test_who_refuses_is_told_by_how_far_requests_come(
    to_app: float, to_stock: float, to_auth: float | None, who: str
) -> None:
    """Of 200 requests a second 100 are refused."""
    built = refusing("HTTP 429", nginx=False).service("stock", Proc(cores=0.1)).service("auth", Proc(cores=0.1))
    for source, to, rate in (("lb", "app", to_app), ("app", "stock", to_stock), ("lb", "auth", to_auth)):
        if rate is not None:
            built.edge(source, to, outstanding=1)
            for way in ("out", "in"):
                built.counter(f"edges.segments_{way}", Entity("edge", source, 0, name=to), rate)
    found = verdict("rate_limited", built)
    assert isinstance(found, Found) and found.faults[0].service == who


REFUSALS = [
    (refusing("HTTP 429"), Found, "lb"),
    (refusing("HTTP 429", behind=True), Found, "lb"),
    (refusing("HTTP 429", nginx=False, cores=0.97), Found, "lb"),
    (refusing("HTTP 503"), Found, "lb"),
    (refusing("HTTP 503", fast=40.0), Clear, "overload answers after a wait"),
    (overloaded(), Clear, "the server behind has no time left"),
    (refusing("HTTP 503", cores=0.97), Found, "lb"),  # it was not full where refusing began: that itself fills it
    (limiting(), Found, "lb"),
    (crowding(4.0), Found, "lb"),
    (crowding(60.0), Clear, "as many fail as are answered, and more of both the more it is asked"),
    (unseen(), Found, "lb"),
    (unseen(later_ms=80.0), Clear, "good answers came later where refusing began: something was full"),
    (refusing("HTTP 503", behind=True), Clear, "the application itself fails, and answers more the more it is asked"),
    (refusing("HTTP 500"), Clear, "an error is no limit"),
]


@pytest.mark.parametrize(("built", "expected", "why"), REFUSALS)
def test_a_limiter_and_what_only_looks_like_one(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("rate_limited", built)
    assert isinstance(found, expected), why
    if isinstance(found, Found):
        sentence = found.faults[0].sentence
        assert "lets 100 requests/s through" in sentence and found.faults[0].service == why
        told = any("none of whom" in each.says for each in found.faults[0].evidence)
        assert (", about 5 at a time," in sentence) == told
