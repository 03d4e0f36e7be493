"""A blocking call sits on the event loop

What: the loop's thread is hardly ever waiting for events, yet uses little CPU: it stands in a blocking call (a
synchronous client, a file, a sleep, a lock).
Why: while it stands there no other request moves, so concurrency is one, however many connections are open.
Fix: use the asynchronous form of the call, or move it off the loop (asyncio.to_thread, run_in_executor, a worker
thread).
Not: single_core: there the loop is full of CPU work, or whoever reads the pipe that the loop writes to is;
slow_downstream: there the loop is free while requests wait.
Python: await an asynchronous client (httpx, asyncpg), or asyncio.to_thread / run_in_threadpool around the call.
Node: fs.promises instead of the Sync functions; no execSync; worker_threads for what only blocks.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, _pipes, at, blame, percent
from loadlab.rules._words import OFF_LOOP, named, whom
from loadlab.signals import Signals
from loadlab.signals.stations import FULL, Station

BRANCH = "code"
STEP = "make_async"
RANK = 40
AT_LIMIT = True
ELASTIC = False
LIFTS = ("loop", "workers")
NEEDS = ("stations", "threads")
USES = ("hot", "languages", "quota", "pipes", "host")

BLOCKED = 0.30
"""Share of the loop's time spent stopped in calls that are not its wait for events. A healthy loop has next to none:
sends and receives on non-blocking sockets do not stop. At 30% the loop's capacity would grow by 1/(1-0.3) = 1.4."""

NAMES = {
    "sleep": "a sleep",
    "socket_wait": "a blocking socket call",
    "file_io": "file or pipe input and output",
    "lock_file": "a file lock",
    "futex": "a wait for another thread (a lock, a result)",
    "wait_child": "waiting for a child process",
}


def check(s: Signals) -> Verdict:
    """Every event loop that is full and stands still."""
    found = [each for each in s.stations.all if _blocked(s, each)]
    if not found:
        return Clear("no event loop stood in a blocking call")
    worst: dict[str, Station] = {}
    for each in found:
        worst.setdefault(each.entity.service, each)
    return Found(tuple(_fault(s, each) for each in worst.values()))


def _blocked(s: Signals, station: Station) -> bool:
    loop = station.thread
    if loop is None or loop.serves != "epoll" or loop.busy < FULL or loop.blocked < BLOCKED:
        return False
    # A loop that waits for the interpreter lock stands in a futex while its process computes: that is gil_contention.
    # One whose process may not compute any more stands where the kernel stopped it.
    stopped = s.quota.used_up(station.entity.service, station.entity.instance)
    return not (loop.blocked_in == "futex" and (station.process.cores >= 0.7 or stopped))


def _fault(s: Signals, station: Station) -> Fault:
    loop = station.thread
    assert loop is not None  # noqa: S101 - _blocked has seen it
    name = station.entity.service
    where = blame(s.hot.standing_in(name, station.entity.pid))
    peers = s.threads.peers(loop.entity)
    pipe = s.pipes.feeds(s.threads, loop)
    what = "writes into a full pipe" if pipe else NAMES[loop.blocked_in]
    evidence = [
        Evidence(
            "loop_busy",
            loop.busy,
            f"the event loop was free to take events only {percent(1 - loop.busy)} of the time",
            FULL,
        ),
        Evidence(
            "loop_blocked",
            loop.blocked,
            f"it stood in {what} {percent(loop.share[loop.blocked_in])} of the time",
            BLOCKED,
        ),
        Evidence("thread_cores", loop.cores, f"it used only {percent(loop.cores)} of a core"),
    ]
    if peers:
        says = f"{percent(peers[0].share)} of the time it waited for {whom(peers[0].peer)}"
        evidence.append(Evidence("peer", peers[0].share, says))
    if where is not None:
        evidence.append(Evidence("line", where.share or 0.0, f"threads of {name} stood still most{at(where)}"))
    return Fault(
        name,
        f"the event loop of {name} is blocked by {what}{at(where)}",
        tuple(evidence),
        _pipes.ADVICE
        if pipe
        else f"Use the asynchronous form of this call, or move it off the loop{named(s, name, OFF_LOOP)}.",
        instance=station.entity.instance,
        pid=station.entity.pid,
        where=where,
        strength=min(1.0, loop.blocked),
        signals=2,
        gain=None if pipe else round(1.0 / max(0.05, 1.0 - loop.blocked), 1),
        limits=station not in _pipes.writers(s, name),
    )
