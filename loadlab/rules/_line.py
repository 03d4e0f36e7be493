"""Signs that requests are served one at a time, which those of lock_contention share."""

from __future__ import annotations

from dataclasses import replace

from loadlab.rules import SMALL, Evidence, Where, _pipes, blame, percent
from loadlab.rules._refuser import refused
from loadlab.rules._words import whom
from loadlab.signals import Signals
from loadlab.signals.edges import Edge
from loadlab.signals.hot import Line
from loadlab.signals.workers import CALLER, Workers

USES = ("hot", "querying", "databases", "calls", "elasticity", "cpu", "languages", "lanes")
"""Signals that the signs look at where they exist."""

ONE = 1.6
"""Threads at work at a time, or requests served at once, up to which it is one at a time: handing a lock over overlaps
with the next request's beginning, and a pool of two would be two."""

TWO = 1.9
"""Requests of one kind served at once, by Little's law, from which on it may be two at a time: what a lone one takes
beside being served only adds to their number."""

ALONE = 0.8
"""Share of the looks at which exactly one request was under way elsewhere, from which on that is the rule and not
chance: of independent requests, one at a time on average, a look finds exactly one in 37% (Poisson)."""

HELD = 0.4
"""Share of the time in which somebody holds Python's interpreter, up to which it is not what threads in a futex wait
for: at 0.4 less than a third of a thread does on average (M/M/1: 0.4 * 0.4 / 0.6). Who holds the lock may then compute
in native code or in the kernel."""

LOOP = 0.7
"""An event loop busier than this may itself be what requests wait for."""

CPU = 0.6
"""Cores of the process from which on computing is what takes the time, whoever waits for it."""

CPU_TOLD = 1.2
"""The same where stacks tell who waits for a lock: one thread at a time computes in there, and the rest cannot. And of
a program in a language that has no lock of its own for all threads, while another core is idle."""

TAKEN = 0.7
"""Threads at work at a time, from which on a lock may be the limit: it is held nearly all of the time then. Where fewer
are, threads wait for each other now and then, as for Python's interpreter in bursts of work."""

IDLE_CORES = 0.3
"""Cores that must be idle for that: else its threads wait for the processor."""

MOSTLY = 0.5
"""Share of the time in which one of the threads waits for the same, from which on that is what the lock is held for."""

SYNCS = frozenset({"fsync", "fdatasync", "sync_file_range", "msync", "syncfs"})
"""Calls after which what was written is on the disk: for several writers one will do."""

COMPUTING = 0.5
"""Cores of a process, and share of its own samples in one function, from which on that is most of what is done one at a
time."""

UNKNOWN = "socket"
"""What the probe calls a far end that it cannot tell."""

BRIEF = 0.1
"""Threads that wait for such at a time, from which on a share of one that is known is less than the whole."""

NOBODY = frozenset({CALLER, "listen", UNKNOWN, ""})
"""Far ends that tell nothing of what a holder waits for."""

ELSEWHERE = 0.5
"""Requests at others at a time, from which on the holder waits for one of them: a lock held over a call has 1, over a
pause 0."""


LOGGING = (
    "one at a time passes the lock of a logging handler",
    (
        "Give records to a thread of their own (logging.handlers.QueueHandler, and a QueueListener with the handler "
        "behind it): a handler keeps its lock while it writes or sends."
    ),
)
"""Of Python's logging, whose handlers each have a lock of their own."""


LENT = "Put more into the queue that lends them, or give each back sooner: before what needs none."


def manner(at_work: float = 1.0, elsewhere: float = 1.0, within: str = "", call: str = "") -> tuple[str, str]:
    """In what way they wait, and what to do: for one, for a few that are let through, for a pause. within: the
    library's function in which most of them stand. call: to whom the lock is held over a call, by a thread."""
    if call == _pipes.READER:
        return "one at a time writes into a full pipe, under a lock", _pipes.ADVICE
    if within.endswith("(logging)"):
        return LOGGING
    if within.endswith("(queue)"):
        many = "one at a time has" if at_work <= ONE else f"about {at_work:.0f} at a time have one of"
        return f"{many} what a queue lends", LENT
    if elsewhere < ELSEWHERE:
        return (
            "one at a time is let on, by a lock held over a pause, or by a limiter that spaces them",
            "Look for a limiter that delays (a rate, a throttle) and raise it, or for a lock held round a sleep.",
        )
    if at_work > ONE:
        return (
            f"about {at_work:.0f} at a time get past a semaphore or lock",
            "Give a semaphore more permits; hold a lock for the shared data only, or give each thing one of its own.",
        )
    if call:
        narrow = f"Take the call to {call} out of the lock: hold it for the shared data only"
    else:
        narrow = "Hold the lock for the shared data only"
    return "one at a time holds a lock", f"{narrow}, or give each thing a lock of its own."


def native(s: Signals, each: Workers) -> bool:
    """In a language without a lock of its own for all threads, with a core to spare: there more would be at work."""
    return s.host.idle >= IDLE_CORES and each.entity.service in s.workers.native


def most_cores(s: Signals, each: Workers) -> float:
    """Cores of the process up to which waiting, not computing, may be what takes its requests' time."""
    return CPU_TOLD if each.told or native(s, each) or s.hot.held.get(each.entity.pid, 1.0) <= HELD else CPU


def for_interpreter(s: Signals, each: Workers) -> bool:
    """Whether threads stand where whoever holds the interpreter computes, as in bursts of work: they wait for that.
    Behind the application's lock they stand where it is taken."""
    hot, still = s.hot.hottest(each.entity.service), s.hot.standing(each.entity.service)
    if hot is None or still is None or s.hot.held.get(each.entity.pid, 0.0) <= HELD:
        return False
    return (hot.file, hot.line) == (still.file, still.line)


def one_at_a_time(s: Signals, each: Workers) -> list[Evidence]:
    """At another service, whatever else a request takes; or by Little's law. Where that can be told: of the service
    that gets the load, with one process; or of one that a kind of requests has to itself."""
    name, at_once = each.entity.service, s.workers.at_once
    # slow_downstream follows it further back.
    front = {s.meta.target} | {one.upstream for one in s.meta.services if one.name == s.meta.target and one.upstream}
    if len(s.workers.of(name)) > 1:
        return []
    if name not in front:
        return _in_lane(s, name)
    edge = max(s.edges.out_of(name), key=lambda edge: edge.alone, default=None)
    if edge is not None and edge.alone >= ALONE:
        return [Evidence("alone", edge.alone, _exactly(edge), ALONE)]
    if at_once is None or at_once > ONE:
        return []
    return [Evidence("at_once", at_once, f"as many were served as with {at_once:.1f} at a time", ONE)]


def _in_lane(s: Signals, name: str) -> list[Evidence]:
    """Not on a full machine, where whoever serves them waits for a core. Where exactly one is at another service, that
    may be because a connection carries several (HTTP/2): then at least two are served."""
    lane = s.lanes.get(name)
    edge = max(s.edges.out_of(name), key=lambda edge: edge.alone, default=None)
    one = edge is not None and edge.alone >= ALONE
    if lane is None or lane.at_once > (TWO if one else ONE) or s.host.idle < IDLE_CORES:
        return []
    says = f"of {lane.endpoint}, which goes there, as many were served as with {lane.at_once:.1f} at a time"
    found = [Evidence("at_once", lane.at_once, says, TWO if one else ONE)]
    if edge is not None and one:
        found.append(Evidence("alone", edge.alone, _exactly(edge), ALONE))
    return found


def _exactly(edge: Edge) -> str:
    return f"exactly one was at {edge.to} {percent(edge.alone)} of the time"


def without_others(s: Signals, each: Workers) -> Workers:
    """Where exactly one request is at one service all the time: the process without those that are at others, which
    have no part in the line before that one. Endpoints of a service may have a limit each."""
    name = each.entity.service
    asked = s.edges.out_of(name)
    alone = max(asked, key=lambda edge: edge.alone, default=None)
    if alone is None or alone.alone < ALONE or len(s.workers.of(name)) > 1:
        return each
    others = sum(edge.outstanding for edge in asked if edge is not alone)
    return replace(each, inside=max(0.0, each.inside - others), at_work=max(0.0, each.at_work - others))


def holder(s: Signals, each: Workers) -> tuple[str, list[Evidence]]:
    """What whoever holds the lock waits for meanwhile: threads that take turns there are seen at it one at a time, or
    there is exactly one request at it all the time. "" where that is not so."""
    total: dict[str, float] = {}
    for wait in s.threads.waits:
        if wait.entity.pid == each.entity.pid and wait.peer not in NOBODY:
            total[wait.peer] = total.get(wait.peer, 0.0) + wait.share
    alone = {edge.to for edge in s.edges.out_of(each.entity.service) if edge.alone >= ALONE}
    mine = {peer: share for peer, share in total.items() if whom(peer) in alone} or total
    peer, share = max(mine.items(), key=lambda one: one[1], default=("", 0.0))
    if not MOSTLY <= share <= ONE:
        return min(alone, default=""), []
    brief = sum(wait.share for wait in s.threads.waits if wait.entity.pid == each.entity.pid and wait.peer == UNKNOWN)
    least = "at least " if brief >= BRIEF else ""  # connections of one call each are gone before their end is known
    stood = f"whoever held it stood in a call to {whom(peer)} {least}{percent(min(1.0, share))} of the time"
    return whom(peer), [Evidence("holder", share, stood, MOSTLY)]


def computes_in(s: Signals, name: str) -> Line | None:
    """The function that most of the user's own samples of the CPU are in, else the one that calls what they are in;
    None where there is none. Callers of what is written in assembler, as of hashing in Go, are not always on the
    stacks: shares of all samples say too little."""
    line, profile = s.hot.hottest(name), s.hot.services.get(name)
    if line is None or profile is None or line.share < SMALL:
        return None
    most = line.share >= COMPUTING * sum(each.share for each in profile.cpu)
    return line if most else s.hot.around(name)


def barges(s: Signals, each: Workers) -> bool:
    """Whether more are awake than are served, one at a time, where a compiled program computes: who is woken for a
    mutex and finds it taken again was at work for nothing."""
    return each.at_work > ONE and _computes(s, each) and bool(one_at_a_time(s, each))


def _computes(s: Signals, each: Workers) -> bool:
    return native(s, each) and each.cores >= COMPUTING


def at_lock(s: Signals, each: Workers, call: str) -> tuple[Where | None, tuple[str, str]]:
    """Where threads stand, else what is done under the lock as far as a compiled program's stacks tell, which know only
    where it computes; and in what way they wait. call: as of manner."""
    still, line = s.hot.standing(each.entity.service), computes_in(s, each.entity.service)
    at_work = 1.0 if barges(s, each) else each.at_work
    what, advice = manner(at_work, within=still.library if still is not None else "", call=call)
    if still is None and _computes(s, each) and line is not None:
        asks = _kernel(s, each, line)
        if asks in SYNCS:
            advice = "Do it once for several: gather what waits, write and sync it together, outside of the lock."
        return blame(line), (f"{what} and {f'calls {asks}()' if asks else 'computes'}", advice)
    return blame(still), (what, advice)


def _kernel(s: Signals, each: Workers, line: Line) -> str:
    """What its line calls, where the kernel then does most of the work; "" where that is not so."""
    mine = s.cpu.services.get(each.entity.service)
    if mine is None or mine.system < MOSTLY * mine.cores or not line.library.endswith(")"):
        return ""
    return line.library.partition(" (")[0]


def computes(s: Signals, name: str) -> bool:
    """Whether the one process of a service has no time left for computing. Then who asks it waits for it, and on a
    connection that all of them share (Redis's clients') there is never more than one question to be seen."""
    databases = {each.name for each in s.meta.services if each.role == "database"}  # a process for each connection
    mine = s.stations.of(name)
    return len(mine) == 1 and mine[0].on_one_core and name not in databases


def _in_loop(s: Signals, each: Workers) -> list[Evidence]:
    """An event loop with time left whose requests are neither at anybody else nor in a thread; [] where that is not
    so."""
    busy, served = s.threads.polling(each.entity.service, each.entity.pid), one_at_a_time(s, each)
    asked = s.edges.out_of(each.entity.service)
    out = sum(edge.outstanding for edge in asked)
    if busy is None or busy > LOOP or not served or max(each.at_work, out) > ONE:
        return []
    if any(edge.outstanding >= ELSEWHERE and computes(s, edge.to) for edge in asked):
        return []
    taker = "who takes requests" if each.entity.service in s.workers.native else "the event loop"
    return [
        Evidence("outstanding", out, f"{out:.1f} of them waited for somebody else", ONE),
        Evidence("loop_busy", busy, f"{taker} had time left: busy {percent(busy)}", LOOP),
        *served,
    ]


def unseen(s: Signals, each: Workers) -> tuple[list[Evidence], tuple[str, str]] | None:
    """Signs, manner and advice, where no thread stands for the requests, as a loop's or Go's: what makes them wait, a
    lock or one worker for all, cannot be seen. None where there are no signs, or a pool's thread is: it is taken; or
    where they wait until another service lets them through."""
    signs = _in_loop(s, each) if not each.taken and not refused(s, each.entity.service) else []
    if not signs:
        return None
    asked = s.edges.out_of(each.entity.service)
    served = min((sign.value for sign in signs if sign.metric == "at_once"), default=1.0)
    if signs[0].value < ELSEWHERE or not asked:
        return signs, manner(elsewhere=signs[0].value)
    if served < TAKEN:  # for part of the time nobody is served, though others wait
        return signs, manner(elsewhere=0.0)
    to = asked[0].to
    advice = (
        f"Take the call to {to} out of the lock, or give each thing a lock of its own; let several workers ask {to}."
    )
    return signs, (f"one at a time is let through to {to}, by a lock or by a single worker", advice)
