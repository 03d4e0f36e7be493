"""All synchronous workers wait

What: every worker that takes requests one at a time is busy, and spends most of that time waiting rather than
computing; or every place for a connection is taken, in a server with a thread for each.
Why: a worker that waits for a database or another service holds its place; the next request waits in the accept queue.
Where a worker keeps its connection, it is held between two requests, too.
Fix: more workers (gunicorn -w), threads (gunicorn --threads, Puma's threads, WEBrick's MaxClients), or an asynchronous
server; then make the wait shorter. Where kept connections hold the workers: a shorter keep-alive (KeepAliveTimeout in
Apache), or a server that waits for the next request without a worker (Apache's mpm_event, a proxy in front).
Not: connection_pool_exhausted: there threads wait for a connection; accept_backlog: there the kernel's queue
overflows; single_core: there workers compute.
Python: gunicorn -w or --threads (uWSGI: --processes, --threads) up; anyio's limiter (40 threads) up; an asynchronous
worker class.
Node: UV_THREADPOOL_SIZE up (4 by default) for fs, dns and crypto; more cluster workers.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, _pipes, at, blame, percent
from loadlab.rules._cpu import IDLE
from loadlab.rules._line import NOBODY
from loadlab.rules._places import connections, kept
from loadlab.rules._pool import brings
from loadlab.rules._words import WAITERS, named, whom
from loadlab.signals import Signals
from loadlab.signals.stations import FULL, Station
from loadlab.signals.threads import NO_WORK, ThreadState

BRANCH = "server_limit"
STEP = "more_workers"
RANK = 46
AT_LIMIT = True
ELASTIC = False
LIFTS = ("workers",)
NEEDS = ("stations", "threads", "host")
USES = ("hot", "sockets", "edges", "languages")

WAITING = 0.50
"""Mean share of the workers' time spent stopped in calls. At half, twice the workers bring nearly twice the
throughput."""

MOST = 0.5
"""Requests at another service for each worker, from which on that is what most of them wait for."""

PARKED = 0.99
"""Share of its time in a futex from which on a thread that used no CPU has not moved in the whole window."""


def check(s: Signals) -> Verdict:
    """Every service all of whose workers sit at the listener between requests, and hardly ever do."""
    found = [fault for name in s.stations.services for fault in _service(s, name)]
    return Found(tuple(found)) if found else Clear("no pool of synchronous workers was full of waiting")


def _service(s: Signals, name: str) -> list[Fault]:
    places = [each for each in s.stations.of(name) if each.thread is not None and each.thread.serves == "accept"]
    if (full := connections(s, name, places)) is not None:
        return [full]
    places = [each for each in places if each.thread is not None and not _parked(each.thread) and not _hands(s, each)]
    workers = [worker for each in places for worker in _workers(s, each)]
    if not workers or any(busy < FULL for _, busy in workers):
        return []
    if s.host.idle_share < IDLE:
        return []  # whoever they wait for has no core; more of them would wait with them
    if (idle := kept(s, name, [each for each, _ in workers], len(places))) is not None:
        return [idle]
    waiting = sum(each.blocked for each, _ in workers) / len(workers)
    return [_fault(s, name, workers, len(places), waiting)] if waiting >= WAITING else []


def _parked(thread: ThreadState) -> bool:
    """In a futex all the time: nobody has woken it, so no request is at it. `go run` beside what it started is so."""
    return thread.share["futex"] >= PARKED and thread.cores < NO_WORK


def _hands(s: Signals, station: Station) -> bool:
    """Whether it starts a thread for each request, and serves none itself."""
    return any(each.passing for each in s.threads.of(station.entity.service, station.entity.pid))


def _workers(s: Signals, station: Station) -> list[tuple[ThreadState, float]]:
    """The threads of a process that take requests, and how busy each is. Several take turns at the listener, in a
    futex while it is another's."""
    threads = [each for each in s.threads.of(station.entity.service, station.entity.pid) if each.serves == "accept"]
    turns = len(threads) > 1
    return [(each, each.busy - (each.share["futex"] if turns else 0.0)) for each in threads]


def _asked(s: Signals, name: str, workers: int) -> str:
    """The one that most of the workers have asked, where their sockets live too briefly to tell; "" where none is."""
    asked = s.edges.out_of(name)
    return asked[0].to if asked and asked[0].outstanding >= MOST * workers else ""


def _fault(s: Signals, name: str, workers: list[tuple[ThreadState, float]], processes: int, waiting: float) -> Fault:
    where = blame(s.hot.standing(name))
    peers = [peer for each, _ in workers for peer in s.threads.peers(each.entity)]
    threads = f"{len(workers)} threads of the {processes} " if len(workers) > processes else f"{processes} "
    crew = threads + ("worker" if processes == 1 else "workers")
    busy_crew, taken = f"all {crew} were", f"all {crew} of {name} are taken, and wait"
    if len(workers) == 1:
        busy_crew, taken = "the one worker was", f"the one worker of {name} is taken, and waits"
    pipe, more = _pipes.full(peers), named(s, name, WAITERS) or " or threads per worker"
    evidence = [
        Evidence("workers_busy", min(busy for _, busy in workers), f"{busy_crew} busy", FULL),
        Evidence("waiting", waiting, f"{percent(waiting)} of their time they stood in a call", WAITING),
    ]
    if peers:
        top = max(peers, key=lambda each: each.share)
        far = whom(top.peer) if top.peer not in NOBODY else _asked(s, name, len(workers)) or whom(top.peer)
        evidence.append(Evidence("peer", top.share, f"mostly waiting for {far}"))
    return Fault(
        name,
        f"{taken}{at(where)}",
        tuple(evidence),
        _pipes.ADVICE if pipe else f"Run more workers{more}; a worker that waits costs memory, not CPU.",
        where=where,
        strength=waiting,
        signals=2,
        gain=None if pipe else brings(s, name, 2.0),  # twice the workers, while waiting rather than CPU fills them
    )
