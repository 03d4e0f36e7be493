"""Messages go out in pieces, and wait for a delayed acknowledgement

What: a service writes a message in two or more small pieces (head and body, length and content) on a connection without
TCP_NODELAY. The kernel keeps back the last piece until the first is acknowledged (Nagle's algorithm), and the other
end, which has nothing to say before the message is whole, delays that: 40 ms on Linux.
Why: every message costs about 40 ms, at one user as at a hundred, and nothing is busy meanwhile. Faster code, more
workers and bigger machines change nothing.
Fix: TCP_NODELAY on the socket of whoever sends the pieces; or better one write for the whole message (a buffer, writev,
sendmsg), which saves the system call and the packet, too.
Not: slow_downstream, a sleep, an answer whose end is computed late: there nothing is kept back in the kernel; a long
path: there each message waits as long as a packet takes there and back; slow_clients: there the reader's window is
shut.
Python: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); asyncio and http.client do so by themselves;
socketserver: disable_nagle_algorithm = True, or wbufsize = -1 on the handler.
Node: socket.setNoDelay(true), or cork() and uncork() around the writes; http does so by itself, net does not.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.rules._cpu import bound
from loadlab.signals import Missing, Signals
from loadlab.signals.pieces import Pieces, View

BRANCH = "network"
STEP = "tcp_nodelay"
RANK = 25
AT_LIMIT = False
ELASTIC = False
NEEDS = ("pieces",)
USES = ("cpu", "stations", "host", "saturation")

SHARE = 0.25
"""Of the requests under way, those that wait for an acknowledgement: from a quarter of the time on, it is worth more
than most work on code. Such waits are 40 ms, so requests that take longer than 160 ms have other troubles."""

RISING = 0.5
"""The same at the levels of the search, on the mean: most of them are below the limit, where this is what a request
takes. At the limit requests wait for something else, and this is the smaller part."""

LATE = 0.3
"""Of the pieces kept back, those for longer than the path takes and 10 ms: of a wait of 40 ms 0.75 on loopback, and
0.39 behind a path of 40 ms. Where acknowledgements come as soon as they can, it was 0 behind the same path."""

LONGEST_MS = 500.0
"""Nobody may delay an acknowledgement for longer (RFC 1122, 4.2.3.2). More per message means that messages are not
answered one by one: a stream of events or of log lines, on which no request waits."""


def check(s: Signals) -> Verdict:
    """Each service that sends answers, or questions to another one, in pieces."""
    if not s.pieces:
        return Clear("no service keeps back what it has written")
    found = [fault for each in s.pieces for fault in _fault(s, each)]
    if found:
        return Found(tuple(found))
    top = s.pieces[0]
    if top.now.share >= SHARE and top.now.late < LATE:
        return Clear(f"{top.sender} sends in pieces, but is acknowledged about as soon as the path allows")
    return Clear(f"{percent(top.now.share)} of the requests wait for an acknowledgement")


def _fault(s: Signals, pieces: Pieces) -> list[Fault]:
    name, to, now, rising = pieces.sender, pieces.to, pieces.now, pieces.rising
    if _waits(now, SHARE):
        view, short = now, bound(s, name) or ("" if to else _stands(s, name) or _flat(s, now))
    elif rising is not None and _waits(rising, RISING):
        view, short = rising, f"at the limit {percent(now.share)} of the requests wait for this"
    else:
        return []
    what = f"its questions to {to}" if to else "its answers"
    beside = "; throughput stops at something else" if short else ""
    when = "" if view is now else ", while the limit was searched for"
    evidence = [
        Evidence(
            "held",
            view.share,
            f"{percent(view.share)} of the requests under way{when} wait while the kernel of {name} keeps back the "
            f"last piece of {what}, until {to or 'the reader'} acknowledges the first",
            SHARE if view is now else RISING,
        ),
        Evidence("late", view.late, f"{percent(view.late)} of these wait longer than the path takes", LATE),
        Evidence(
            "ms",
            view.ms,
            f"that is {view.ms:.0f} ms for each of {view.per_s:,.0f} messages/s; Linux delays an acknowledgement by "
            "40 ms",
            LONGEST_MS,
        ),
    ]
    if short:
        evidence.append(Evidence("limit", now.share, f"throughput stops at something else: {short}"))
    return [
        Fault(
            name,
            f"{name} sends {what} in pieces, and each waits {view.ms:.0f} ms for a delayed acknowledgement{beside}",
            tuple(evidence),
            f"Set TCP_NODELAY on the sockets of {name}{f' to {to}' if to else ''}, or write each message at once.",
            strength=view.share,
            signals=2,
            limits=not short,
        )
    ]


def _stands(s: Signals, name: str) -> str:
    """In words: that the service's event loop is full. Nobody in it waits for the acknowledgement of an answer."""
    loops = [each for each in s.stations.of(name) if each.thread is not None and each.thread.serves == "epoll"]
    return "its event loop had no time left" if any(each.full for each in loops) else ""


def _flat(s: Signals, now: View) -> str:
    """In words: that more users bring no more answers, and wait for something else in the larger part of their time.
    Each user's answer waits by itself: more of them would be answered meanwhile."""
    try:
        return s.saturation.says if now.share < RISING and s.saturation.reached else ""
    except Missing:
        return ""


def _waits(view: View, share: float) -> bool:
    return view.share >= share and view.late >= LATE and view.ms < LONGEST_MS
