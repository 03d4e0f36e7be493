"""nginx that turns requests away at a limit of its own, as its log of errors tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import apply, ask
from loadlab.diagnosis.rank import rank
from loadlab.probes import _nginx_lines
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread

FULL_UP = (
    b"2026/11/27 06:53:44 [error] 21977#21977: *273 no live upstreams while connecting to upstream, client: 127.0.0.1, "
    b'server: , request: "GET /seat HTTP/1.1", upstream: "http://halls/seat", host: "127.0.0.1:20590"\n'
)
LACKING = b"2026/11/27 06:56:21 [alert] 22845#22845: 24 worker_connections are not enough\n"
REFUSED = (
    b"2026/11/27 06:53:44 [error] 9#9: *1 connect() failed (111: Connection refused) while connecting to upstream, "
    b'client: 127.0.0.1, server: , request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:1/", host: "127.0.0.1:2"\n'
)


def test_what_nginx_says() -> None:
    text = 2 * FULL_UP + 3 * LACKING + REFUSED + b"2026/11/27 06:56:21 [notice] 1#1: start worker processes\n"
    assert _nginx_lines.parse(text) == (2.0, 1.0, 3.0)
    assert _nginx_lines.parse(b"") == (0.0, 0.0, 0.0)


def test_a_log_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    log = _nginx_lines.Log(tmp_path / "log")
    log.read()
    (tmp_path / "log").write_bytes(FULL_UP + LACKING[:40])
    log.read()
    assert (log.counts, log.connections) == ([1.0, 0.0, 0.0], None)
    (tmp_path / "log").write_bytes(FULL_UP + 2 * LACKING)
    log.read()
    assert (log.counts, log.connections) == ([1.0, 0.0, 2.0], 24.0)


def balanced(
    *, no_server: float = 0.0, no_connection: float = 0.0, unreached: float = 0.0, taken: float = 2.5, busy: float = 0.1
) -> Builder:
    """Recorded of two servers of Node's with max_conns=3 behind nginx, 16 users: 160 requests/s answered, 25,000
    refused, which fills the generator."""
    built = Builder()
    built.service("hall", *(Proc(cores=busy / 2, busy=busy, instance=each) for each in (0, 1)), ports=(9001, 9002))
    built.service("edge", Proc(cores=0.52), role="balancer", upstream="hall", ports=(8000,))
    built.target = "edge"
    built.load(160, failed=15_000, growth=1.0).generator(0.97).host()
    built.edge("generator", "edge", outstanding=15.7).edge("edge", "hall/0", outstanding=taken)
    built.edge("edge", "hall/1", outstanding=taken)
    for name, per_s in (("no_server", no_server), ("unreached", unreached), ("no_connection", no_connection)):
        built.counter(f"nginx_log.{name}", Entity("upstream", "edge"), per_s)
    built.gauge("nginx_log.connections", Entity("upstream", "edge"), 24.0)
    return built


def alone(*, busy: float = 0.3) -> Builder:
    """One that answers by itself, from files."""
    built = Builder().service("edge", Proc(cores=busy, busy=busy), ports=(8000,))
    built.target = "edge"
    built.load(160, failed=15_000, growth=1.0).generator(0.97).host().edge("generator", "edge", outstanding=15.7)
    for name, per_s in (("no_server", 0.0), ("no_connection", 900.0)):
        built.counter(f"nginx_log.{name}", Entity("upstream", "edge"), per_s)
    return built


CASES = [
    (
        alone(),
        Found,
        "its own limit of connections (worker_connections) and turns others away, while it has time left",
        "no server is behind it",
    ),
    (alone(busy=0.99), Clear, "", "it has no time left itself"),
    (balanced(no_server=25_000), Found, "answers the others 502", "refused for want of a server"),
    (balanced(no_connection=6_800), Found, "limit of 24 connections", "hung up for want of a connection"),
    (balanced(), Clear, "", "it says nothing"),
    (balanced(no_server=0.2), Clear, "", "now and then"),
    (balanced(no_server=25_000, busy=0.97), Clear, "", "the servers have no time left: the limit protects them"),
    (balanced(no_server=25_000, unreached=0.2), Clear, "", "servers that failed are left out for a time"),
    (balanced(no_server=25_000, taken=0.1), Clear, "", "the servers get hardly any request"),
]


@pytest.mark.parametrize(("built", "kind", "words", "why"), CASES, ids=[each[3] for each in CASES])
def test_a_balancer_that_turns_requests_away(built: Builder, kind: type[Verdict], words: str, why: str) -> None:
    found = ask(units("rules")["balancer_queue"], Signals(built.recording()))
    assert isinstance(found, kind), found
    if isinstance(found, Found):
        assert found.faults[0].service == "edge" and words in found.faults[0].sentence


def test_what_the_refusals_do_to_the_generator_hides_them_not() -> None:
    """Who is turned away at once asks again at once, and fills any generator."""
    answers = apply(Signals(balanced(no_server=25_000).recording()), units("rules"))
    assert isinstance(next(each for each in answers if each.kind == "generator_saturated").verdict, Found)
    ranked = rank(answers, {})
    assert (ranked.outcome, ranked.findings[0].kind) == ("bottleneck", "balancer_queue")


def places(*, waiting: float = 11.0, accepts: str = "other", threads: float = 0.11, open_: float = 16.0) -> Builder:
    """Recorded of WEBrick with MaxClients 5 and 16 users: its main thread waits until one of five threads is free."""
    main = Thread(0.0, 0.0, {accepts: 1.0}, "idle_accept")
    serve = Thread(threads / 5, 0.0, {"running": 0.04, "socket_wait": 0.96}, "futex")
    built = Builder().service("porch", Proc(cores=threads, threads=[main, *[serve] * 5]), ports=(8000,))
    built.target = "porch"
    built.load(58, growth=1.0).generator().host(idle=1.7).edge("generator", "porch", outstanding=16)
    listener = Entity("listener", "porch", name="127.0.0.1:8000")
    for name, value in (("accept_queue", waiting), ("accept_queue_max", waiting), ("backlog", 4096.0)):
        built.gauge(f"sockets.{name}", listener, value)
    built.gauge("sockets.established", listener, open_)
    return built


@pytest.mark.parametrize(("under_way", "advice"), [(16.0, "Allow more connections"), (11.3, "Close kept connections")])
def test_places_that_kept_connections_hold(under_way: float, advice: str) -> None:
    """Each of five threads waits for its caller: for the rest of a request, or for the next one."""
    built = places()
    for series in built.series["edges.outstanding"]:
        series.v[:] = under_way
    for series in list(built.series["threads.samples"]):
        of = series.entity
        if of.service == "porch":
            built.counter("waits.samples", Entity("wait", "porch", 0, of.pid, of.tid, "caller"), 50.0 * 0.9)
    found = ask(units("rules")["worker_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found) and found.faults[0].remedy.startswith(advice)


@pytest.mark.parametrize("moves", [False, True])
def test_who_has_not_moved_at_all_is_no_worker(moves: bool) -> None:
    """Recorded of `go run`: it stands in a futex beside the program that it has started, which serves."""
    beside = Thread(0.01 if moves else 0.0, 0.0, {"futex": 1.0}, "idle_accept")
    built = Builder().service(
        "kiln", Proc(cores=0.01 if moves else 0.0, system=0.0, threads=[beside]), Proc(cores=0.05)
    )
    built.load(58, growth=1.0).generator().host(idle=1.7)
    found = ask(units("rules")["worker_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found) is moves


PLACES = [
    (places(), Found, "a thread for each connection, and no more of them"),
    (places(accepts="futex"), Found, "the same, waiting in a futex"),
    (places(accepts="idle_accept", waiting=0.0), Clear, "it accepts"),
    (places(waiting=0.0), Clear, "nobody waits to be accepted"),
    (places(threads=0.9), Clear, "its threads compute"),
    (places(open_=12.0), Clear, "one connection is open, as of a server that serves them itself"),
]


@pytest.mark.parametrize(("built", "kind", "why"), PLACES, ids=[each[2] for each in PLACES])
def test_a_server_that_has_no_more_places_for_connections(built: Builder, kind: type[Verdict], why: str) -> None:
    found = ask(units("rules")["worker_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, kind), found
    if isinstance(found, Found):
        assert "all 5 places for connections in porch are taken, and 11 more" in found.faults[0].sentence
