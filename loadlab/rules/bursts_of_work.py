"""Work that comes in bursts stops the requests meanwhile

What: at a steady load there are, again and again, moments in which hardly anything is answered and requests pile up,
while one process computes as much as one core can; between them it has time left.
Why: an event loop, or a thread that holds the interpreter (reading a large file of JSON, sorting, building an index),
lets nobody else run until it is done. On average the process looks idle; whoever asks at the wrong moment waits for all
of it.
Fix: do this work in a process of its own and hand over the result, in small parts with pauses between, or less often.
Where several threads do the same at once, because something kept has ended, let one do it while the others wait or get
the old value.
Not: cache_stampede: there a cache server sees the misses; gc_pauses: there the runtime itself does it; single_core:
there is no time left between the bursts either; a load that itself comes in waves: requests do not pile up.
Python: a separate process (Celery beat, cron, multiprocessing), not a threading.Thread or an asyncio task, as C code
such as json.loads or sorted keeps the interpreter to its end; asyncio.sleep(0) between small parts.
Node: worker_threads or a child process for the job; setImmediate between small parts; streams instead of JSON.parse of
a large file.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.rules._tail import tail
from loadlab.signals import Signals
from loadlab.signals.stalls import Stall

BRANCH = "code"
STEP = "own_process"
RANK = 48
AT_LIMIT = False
ELASTIC = False
NEEDS = ("stalls",)
USES = ("hot", "threads", "latency")

OFTEN = 0.1
"""Share of the seconds that are held up, as in cache_stampede: one in ten is the tail that users complain of."""

TIMES = 2
"""What happens once may be a start."""

ONE_CORE = 0.6
"""Cores of the process in the busiest half of held-up seconds. A look that is only in part within the burst counts as a
whole one, so it is less than the core that it has in fact."""

LESS = 0.5
"""Of that, what it has at most in the others: it computes in bursts."""

SLOWER = 5.0
"""Times as long as otherwise are requests under way that were held up. Of a load that comes in waves they are not;
neighbouring seconds of a steady one differ by a half."""

MOST = 0.5
"""Share of the CPU in held-up seconds, from which on it is one thread that computes."""


def check(s: Signals) -> Verdict:
    """The process that computes most while requests are held up."""
    found = [each for each in s.stalls if _holds_up(each)]
    return Found((_fault(s, found[0]),)) if found else Clear("no process computes in bursts that hold requests up")


def _holds_up(each: Stall) -> bool:
    bursts = each.cores >= ONE_CORE and each.cores_else <= LESS * each.cores
    return bursts and each.share >= OFTEN and each.times >= TIMES and each.slow_ms >= SLOWER * each.calm_ms > 0


def _fault(s: Signals, stall: Stall) -> Fault:
    name = stall.entity.service
    where = blame(s.hot.hottest(name))
    who, remedy = _who(s, stall)
    held = f"in {percent(stall.share)} of the seconds, {stall.times} times, there were {stall.low:,.0f} requests/s"
    slow = f"what was answered then, or just after, had taken {stall.slow_ms:,.0f} ms; otherwise {stall.calm_ms:.1f} ms"
    cores = f"{name} used {stall.cores:.2f} cores then, {stall.cores_else:.2f} in the others"
    evidence = [
        Evidence("held_up", stall.share, f"{held} instead of {stall.full:,.0f}", OFTEN),
        Evidence("slow_ms", stall.slow_ms, slow, SLOWER * stall.calm_ms),
        Evidence("cores", stall.cores, cores, ONE_CORE),
    ]
    if where is not None and where.share is not None:
        evidence.append(Evidence("hot_share", where.share, f"{percent(where.share)} of its CPU was{at(where)}"))
    return Fault(
        name,
        f"requests in {name} are held up again and again while {who}{at(where)}",
        (*evidence, *tail(s)),
        remedy,
        instance=stall.entity.instance,
        pid=stall.entity.pid,
        where=where,
        strength=min(1.0, stall.share + 0.3),
        signals=2,
    )


def _who(s: Signals, stall: Stall) -> tuple[str, str]:
    """Who computes then, and what to do."""
    top, share = stall.threads[0] if stall.threads else (None, 0.0)
    if share < MOST and len(stall.threads) > 2:
        return (
            f"{len(stall.threads)} of its threads compute at once",
            (
                "If they do the same (something kept for a while has ended), let one do it while the others wait or "
                "get the old value, or do it ahead of time; else give that work to processes of its own."
            ),
        )
    if any(each.entity == top for each in s.threads.serving(stall.entity.service, stall.entity.pid)):
        return (
            "the thread that takes them computes",
            "Move this work to a process of its own, or do it in small parts with pauses between.",
        )
    return (
        "another of its threads computes",
        (
            "Move this work to a process of its own, or do it in small parts with pauses between; a thread of its own "
            "is not enough where it keeps Python's interpreter."
        ),
    )
