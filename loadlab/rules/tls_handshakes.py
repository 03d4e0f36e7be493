"""TLS handshakes take the CPU

What: clients open a new TLS connection for most requests, and the handshakes take a good part of the CPU of the process
that terminates TLS.
Why: one signature with an RSA key of 2048 bits costs about a millisecond, as much as many a whole request; a connection
that is kept pays it once, a resumed session hardly.
Fix: keep connections alive on both sides; session tickets; terminate TLS in a proxy with several workers, or in the
load balancer; an ECDSA certificate, whose signature costs a tenth.
Not: connection_churn: there no key exchange is paid; compression_cost: there the bytes cost, not the connections;
single_core: there the application computes.
Python: one client for the life of the process (httpx.Client, requests.Session); TLS ends in nginx with
ssl_session_cache and keepalive, not in uvicorn.
Node: an agent with keepAlive: true and one for all requests; TLS ends in nginx, not in https.createServer.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, at, blame, percent
from loadlab.signals import Signals

BRANCH = "cpu"
STEP = "tls_termination"
RANK = 47
AT_LIMIT = True
ELASTIC = True
COVERS = ("single_core", "all_cores", "connection_churn")
NEEDS = ("churn", "cpu", "stations", "host")
USES = ("work", "hot")

SHAKING = 0.30
"""Share of its CPU in handshakes: without them a core would carry 1/(1-0.3) = 1.4 times as much."""

PER_REQUEST = 0.5
"""New connections for each request, as in connection_churn: half means that reuse is the exception."""

FORWARDING_MS = 0.25
"""User time for each request of a proxy that only passes on: 0.02 to 0.1 ms. What is above, with a handshake for each
request, is the handshake."""

SETTING_UP = 0.12
"""Share of a caller's CPU inside connection set-up, as in connection_churn: of its line that is told from then on."""

IDLE = 0.15
"""Share of the cores idle, as in all_cores: below, CPU is what everybody waits for."""


def check(s: Signals) -> Verdict:
    """Each service that connections are opened to; where stacks are silent, a balancer by its CPU for each request."""
    fresh: dict[str, float] = {}
    for each in s.churn.all:
        fresh[each.to] = max(fresh.get(each.to, 0.0), each.per_request)
    often = {name: per for name, per in fresh.items() if per >= PER_REQUEST and name in s.cpu.services}
    answers = [_service(s, name, per) for name, per in sorted(often.items()) if _no_cpu_left(s, name)]
    found = [each for each in answers if isinstance(each, Fault)]
    if found:
        return Found(tuple(sorted(found, key=lambda each: -each.strength)))
    blind = [each for each in answers if isinstance(each, Unknown)]
    return blind[0] if blind else Clear("handshakes take little of the CPU" if often else "connections are kept")


def _service(s: Signals, name: str, per_request: float) -> Fault | Unknown | None:
    part = s.work.shaking_hands.get(name)
    meta = next(each for each in s.meta.services if each.name == name)
    service = s.cpu.services[name]
    requests = next(each.per_s for each in s.churn.all if each.to == name and each.per_request == per_request)
    each_ms = 1000 * service.user / (requests / per_request) if requests else 0.0
    evidence = [
        Evidence("per_request", per_request, f"{per_request:.2f} new TLS connections for each request", PER_REQUEST)
    ]
    if part is not None and part.share >= SHAKING:
        says = f"{percent(part.share)} of {name}'s CPU was inside TLS handshakes"
        evidence.append(Evidence("handshakes", part.share, says, SHAKING))
        caller = _caller(s, name, per_request)
        if caller:
            return _at_the_caller(s, caller, name, tuple(evidence), part.share)
        return _fault(name, tuple(evidence), part.share, 2)
    if meta.scheme != "https" or (part is not None and part.readable):
        return None
    if meta.role == "balancer" and each_ms >= FORWARDING_MS:
        says = f"{each_ms:.2f} ms of user time for each request: passing it on takes a tenth of a millisecond"
        share = 1 - FORWARDING_MS / 2 / each_ms
        return _fault(name, (*evidence, Evidence("user_ms", each_ms, says, FORWARDING_MS)), share, 1)
    if meta.role == "balancer":
        return None
    return Unknown(
        f"{name} makes {per_request:.1f} TLS handshakes for each request and has no CPU left, "
        "but without readable stacks nobody can say how much of it they take"
    )


def _caller(s: Signals, name: str, per_request: float) -> str:
    """The service of this system that opens them, whose code can keep them; "" where the users do."""
    sources = [each.source for each in s.churn.all if each.to == name and each.per_request == per_request]
    return next((each for each in sources if each in s.cpu.services), "")


def _at_the_caller(s: Signals, caller: str, name: str, evidence: tuple[Evidence, ...], share: float) -> Fault:
    full = any(each.on_one_core for each in s.stations.of(caller))
    setting_up = s.hot.connecting(caller, full=full)
    line = s.hot.running(caller) if full else s.hot.hottest(caller)
    where = blame(line) if setting_up >= SETTING_UP else None
    if setting_up:
        says = f"{percent(setting_up)} of {caller}'s CPU went into setting up connections"
        evidence += (Evidence("setting_up", setting_up, says),)
    return Fault(
        caller,
        f"{caller} opens a new TLS connection to {name} for most requests{at(where)}: handshakes take {percent(share)} "
        f"of {name}'s CPU",
        evidence,
        f"Keep connections: one client or pool in {caller} for the life of the process, keep-alive in {name}.",
        where=where,
        strength=share,
        signals=2,
        step="keep_alive",
    )


def _no_cpu_left(s: Signals, name: str) -> bool:
    return any(each.full for each in s.stations.of(name)) or s.host.idle_share < IDLE


def _fault(name: str, evidence: tuple[Evidence, ...], share: float, signals: int) -> Fault:
    return Fault(
        name,
        f"{name} spends its CPU on TLS handshakes: clients open a new connection for most requests",
        evidence,
        "Keep connections alive, on the clients' side as well; let a proxy with several workers terminate TLS.",
        strength=share,
        signals=signals,
        gain=round(1 / (1 - min(0.9, share)), 2),
    )
