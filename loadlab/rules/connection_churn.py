"""A new connection for every request

What: connections are opened about as often as requests are made, and setting them up takes a good part of the work.
Why: each costs a handshake, a slow start, a socket that lingers for a minute, and with TLS milliseconds of CPU.
Fix: keep connections: one client object for the life of the process (httpx.AsyncClient, aiohttp.ClientSession, a pool),
keep-alive in the server and from the balancer to its backends.
Not: single_core without new connections: keep-alive would change nothing there.
Python: one httpx.Client or requests.Session for the process; uvicorn --timeout-keep-alive above the balancer's.
Node: one keepAlive Agent for the process; server.keepAliveTimeout above the balancer's.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.rules._cpu import CONNECTION_S
from loadlab.signals import Signals
from loadlab.signals.churn import Fresh
from loadlab.signals.stations import ON_CPU

BRANCH = "network"
STEP = "keep_alive"
RANK = 48
AT_LIMIT = True
ELASTIC = False
NEEDS = ("churn", "cpu")
USES = ("hot", "stations", "host")

PER_REQUEST = 0.5
"""New connections per request: reuse that works gives a hundredth; half means it is the exception."""

SETTING_UP = 0.12
"""Share of the caller's CPU samples inside connection set-up."""

KERNEL = 0.30
"""Share of the caller's and the callee's CPU time spent in the kernel, where no stacks tell: connecting and closing are
system calls, requests on kept connections need two."""

IDLE = 0.15
"""Share of the cores idle, as in all_cores."""


def check(s: Signals) -> Verdict:
    """Every edge on which connections are not kept, where that costs."""
    fresh = [each for each in s.churn.all if each.per_request >= PER_REQUEST]
    found = [fault for each in fresh for fault in _costs(s, each)]
    if found:
        return Found(tuple(sorted(found, key=lambda each: -each.strength)))
    return Clear("connections are kept" if not fresh else "new connections cost little here")


def _costs(s: Signals, edge: Fresh) -> list[Fault]:
    full = any(each.on_one_core for each in s.stations.of(edge.source))
    setting_up = s.hot.connecting(edge.source, full=full)
    ends = [s.cpu.services[name] for name in (edge.source, edge.to) if name in s.cpu.services]
    cores = sum(each.cores for each in ends)
    kernel = (
        sum(each.system for each in ends) / cores if cores and edge.per_s * CONNECTION_S >= SETTING_UP * cores else 0.0
    )
    # Both signs are shares of CPU time: they cost throughput only where CPU is what there is no more of.
    busy = any(
        each.full and each.process.cores + each.run_delay >= ON_CPU
        for each in s.stations.all
        if each.entity.service in (edge.source, edge.to)
    )
    # Where caller, callee and generator share the cores, none of them need be full for the cores to be.
    if not (busy or s.host.idle_share < IDLE) or (setting_up < SETTING_UP and kernel < KERNEL):
        return []
    name = edge.source if edge.source in s.cpu.services else edge.to
    where = blame(s.hot.running(name) if full else s.hot.hottest(name)) if setting_up >= SETTING_UP else None
    evidence = [
        Evidence(
            "per_request",
            edge.per_request,
            f"{edge.per_s:.0f} new connections/s from {edge.source} to {edge.to}: {edge.per_request:.2f} for "
            "each request",
            PER_REQUEST,
        ),
    ]
    # Below that rate the kernel's share says nothing of connections, and was not looked at.
    if kernel:
        says = f"{percent(kernel)} of their CPU time was spent in the kernel"
        evidence.append(Evidence("kernel", kernel, says, KERNEL))
    if setting_up:
        evidence.append(
            Evidence(
                "setting_up",
                setting_up,
                f"{percent(setting_up)} of {edge.source}'s CPU went into setting up connections",
                SETTING_UP,
            )
        )
    often = "every request" if edge.per_request >= 0.9 else "most requests"
    return [
        Fault(
            name,
            f"{edge.source} opens a new connection to {edge.to} for {often}{at(where)}",
            tuple(evidence),
            "Keep connections: one client or pool for the life of the process, keep-alive on both sides.",
            where=where,
            strength=min(1.0, max(setting_up, kernel)),
            signals=1 + (setting_up >= SETTING_UP) + (kernel >= KERNEL),
            gain=round(1 / (1 - min(0.9, setting_up)), 2) if setting_up >= SETTING_UP else None,
        )
    ]
