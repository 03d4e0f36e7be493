"""The balancer uses up its core

What: a thread of the balancer has no time left, nearly all of it on CPU, while the servers behind it and other cores
do.
Why: terminating TLS, compressing, rewriting and logging cost CPU in the balancer, and every request passes through it.
Fix: more of its threads or workers (nbthread, worker_processes); keep connections on both sides; compress and
terminate TLS elsewhere, or cheaper (a lower level, ECDSA certificates, session tickets).
Not: single_core of a service: the balancer has time then.
Python: nothing in the application, unless it compresses already: then not twice.
Node: nothing in the application, unless it compresses already: then not twice.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.stations import FULL, ON_CPU

BRANCH = "cpu"
STEP = "more_balancer_threads"
RANK = 57
AT_LIMIT = True
ELASTIC = True
LIFTS = ("core",)
NEEDS = ("stations", "cpu")
USES = ("sends", "edges")

SHRUNK = 0.7
"""Bytes that leave the balancer over those that its servers send it, up to which it compresses: text halves at least,
and heads that it adds or leaves out are a few per cent of answers worth compressing."""

WORTH = 100_000.0
"""Bytes a second from the servers, below which heads may be what differs."""


def check(s: Signals) -> Verdict:
    """Every balancer all of whose threads are full, in front of servers none of which is."""
    found = [fault for each in s.meta.services if each.role == "balancer" for fault in _balancer(s, each.name)]
    return Found(tuple(found)) if found else Clear("no balancer was short of CPU")


def _balancer(s: Signals, name: str) -> list[Fault]:
    mine = s.stations.of(name)
    full = [each for each in mine if each.on_one_core]
    others = [each for each in s.stations.all if each.entity.service != name and each.full]
    if not full or len(full) < len(mine) or others:
        return []
    top = max(full, key=lambda each: each.thread_cores)
    system = s.cpu.services[name].system / max(1e-9, s.cpu.services[name].cores)
    behind = max((each.busy for each in s.stations.all if each.entity.service != name), default=0.0)
    evidence: tuple[Evidence, ...] = (
        Evidence("thread_cores", top.thread_cores, f"its thread used {percent(top.thread_cores)} of one core", ON_CPU),
        Evidence("loop_busy", top.busy, f"it had no time left: busy {percent(top.busy)} of the time", FULL),
        Evidence("behind", behind, f"what stands behind it was busy {percent(behind)} of the time at most", FULL),
        Evidence("system", system, f"{percent(system)} of its CPU time was spent in the kernel"),
    )
    remedy = "Give it more threads or workers; take TLS, compression or logging off it."
    if compresses := _compresses(s, name):
        evidence = (*evidence, *compresses)
        remedy = (
            "Lower its level of compression (1 to 4 cost a fraction of 9, for a few per cent more bytes), or compress "
            "once and keep the result; then give it more threads or workers."
        )
    return [
        Fault(
            name,
            f"{name}, the balancer, is limited by one CPU core while the servers behind it have time left",
            evidence,
            remedy,
            instance=top.entity.instance,
            pid=top.entity.pid,
            strength=min(1.0, top.thread_cores),
            signals=2,
        )
    ]


def _compresses(s: Signals, name: str) -> list[Evidence]:
    """Whether fewer bytes leave it than come from servers that nobody else asks. A cache in it makes them more."""
    mine = {edge.to for edge in s.edges.out_of(name) if edge.to in s.sends and s.edges.callers(edge.to) == {name}}
    got = sum(s.sends[each].bytes_per_s for each in mine)
    sent = s.sends[name].bytes_per_s if name in s.sends else 0.0
    if got < WORTH or not 0 < sent <= SHRUNK * got:
        return []
    says = f"it compresses: its servers sent {got / 1e6:.1f} MB/s, and it sent {sent / 1e6:.1f} MB/s on"
    return [Evidence("compresses", sent / got, says, SHRUNK)]
