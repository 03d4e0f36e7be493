"""Workers are held by clients that read slowly

What: every worker stands in a send: the answer is ready, the client's receive window is full, and the next request
waits.
Why: a synchronous worker keeps its place until the last byte has left for the client; a phone on a bad line holds it
for seconds. More CPU, or a faster application, changes nothing.
Fix: a buffering proxy in front (nginx with proxy_buffering, which is its default): it takes the whole answer at once,
and the worker is free. Or an asynchronous server, where a slow reader costs memory only.
Not: bandwidth: there the path is slow and the reader's window open; worker_pool_exhausted: there workers wait for
another service.
Python: nginx before gunicorn (its own manual asks for it), or gevent or asyncio workers; large answers by
X-Accel-Redirect.
Node: each answer waits without a thread: little is held but memory; mind the return value of write() and use
pipeline().
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.signals import Signals
from loadlab.signals.stations import FULL
from loadlab.signals.threads import ThreadState

BRANCH = "network"
STEP = "buffering_proxy"
RANK = 41
AT_LIMIT = True
ELASTIC = False
NEEDS = ("sends", "stations", "threads", "edges")
USES = ("hot",)

STANDING = 0.5
"""Share of a thread's time stopped in socket calls, from which on it counts as held there."""

HELD = 0.5
"""Connections held by their reader's window, for each thread that stands in a socket call: past half, it is clients
that most of them wait for."""


def check(s: Signals) -> Verdict:
    """Each service that clients read from directly, and whose workers stand in sends."""
    found = [fault for name in s.stations.services for fault in _fault(s, name)]
    return Found(tuple(found)) if found else Clear("no workers are held by slow readers")


def _fault(s: Signals, name: str) -> list[Fault]:
    services = {each.name for each in s.meta.services}
    sending = s.sends.get(name)
    if sending is None or s.edges.callers(name) & services:
        return []  # another service reads: what it does with its bytes is bandwidth's question
    held = _held(s, name)
    standing = sum(each.share["socket_wait"] for each in held)
    if not held or sending.held < HELD * standing:
        return []
    where = blame(s.hot.standing(name))
    share = min(1.0, sending.held / standing)
    return [
        Fault(
            name,
            f"the workers of {name} are held by clients that read slowly{at(where)}",
            (
                Evidence("standing", standing, f"{standing:.1f} of its {len(held)} workers stood in socket calls"),
                Evidence(
                    "held",
                    share,
                    f"{sending.held:.1f} connections at a time were held by their reader's window: "
                    f"{percent(share)} of the workers that stood there",
                    HELD,
                ),
                Evidence("queued", sending.queued_bytes, f"{sending.queued_bytes / 1e6:.1f} MB stood in send queues"),
            ),
            "Put a buffering proxy in front (nginx buffers by default), or serve such answers asynchronously.",
            where=where,
            strength=share,
            signals=2,
        )
    ]


def _held(s: Signals, name: str) -> list[ThreadState]:
    """The service's workers, where none has time left; the threads of a pool that stand in socket calls else."""
    stations = s.stations.of(name)
    workers = [each for each in stations if each.thread is not None and each.thread.serves == "accept"]
    if any(each.on_one_core for each in stations) or any(each.busy < FULL for each in workers):
        return []
    mine = [each.thread for each in workers if each.thread is not None] or list(s.threads.of(name))
    standing = [each for each in mine if each.share["socket_wait"] >= STANDING]
    return standing if len(standing) >= len(workers) else []
