"""Bytes per second are at the limit of a link

What: most requests are answers on their way: written by the service, standing in its send queues. Bytes per second
stay level, everybody's CPU has time, and it is not the clients that read slowly.
Why: a network card, a cloud instance's allowance, a shaper or a proxy with a limit lets so many bytes through a second
and no more; more users share them.
Fix: send less (compress text, smaller pictures, pages of results), let a CDN or a cache nearer to the users answer, or
raise the limit.
Not: slow_clients: there each reader's window is closed; single_core: there the reader or the writer has no time, and
answers wait for it; compression_cost: there bytes are saved with too much CPU.
Python: GZipMiddleware or nginx gzip for text, pages of results, thumbnails; ETag and Cache-Control so that a cache
answers.
Node: compression() or nginx gzip for text, pages of results; ETag and Cache-Control so that a cache answers.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.sends import Sending

BRANCH = "network"
STEP = "compress_or_cdn"
RANK = 49
AT_LIMIT = True
ELASTIC = False
NEEDS = ("sends", "stations", "edges", "measurement")
USES = ("host",)

UNDER_WAY = 0.5
"""Share of all requests in the system that are answers standing in a service's send queues: past half, sending has most
of the time."""

BY_READER = 0.5
"""Share of the sending time held by the reader's receive window: past half, the reader decides, not the path to it."""

FIRST_BYTES = 14_600
"""Bytes that stand there for each such answer, at least: what any connection sends at once, ten segments of 1460
(RFC 6928). A smaller answer waits for no link, only to be acknowledged, which the reader's kernel may do 40 ms late."""

IDLE = 0.15
"""Share of the cores idle, as in all_cores: with less, sending is slow because nobody gets to run."""


def check(s: Signals) -> Verdict:
    """From the service whose answers stand still along those who read them, to the one that lets no more through."""
    measured = s.measurement.generator
    flying = measured.in_flight or measured.users
    stuck = [
        each
        for each in s.sends.values()
        if flying > 0 and each.sending >= UNDER_WAY * flying and each.queued_bytes >= FIRST_BYTES * each.sending
    ]
    if not stuck:
        return Clear("answers leave as soon as they are written")
    if s.host.idle_share < IDLE:
        return Clear("answers stand in send queues, but no core is left to move them")
    found = [fault for each in stuck for fault in _follow(s, each, flying)]
    if not found:
        return Clear("answers stand in send queues because of who reads them")
    return Found(tuple(sorted(found, key=lambda each: -each.strength)))


def _follow(s: Signals, sending: Sending, flying: float) -> list[Fault]:
    if any(each.full for each in s.stations.of(sending.service)):
        return []
    services = {each.name for each in s.meta.services}
    readers = s.edges.callers(sending.service)
    passing = [each for each in sorted(readers) if not any(one.full for one in s.stations.of(each))]
    if readers and not passing:
        return []  # a reader without time: an answer small enough for its window stands there until it is read
    if sending.reader_share < BY_READER:
        return [_fault(sending, sending.service, flying, "the path to its readers takes no more")]
    if not readers or readers - services:
        return []  # clients read slowly
    further = [s.sends[each] for each in passing if each in s.sends]
    if len(passing) < len(readers) or any(each.sending >= UNDER_WAY * flying for each in further):
        return []  # the reader has no time left, or cannot get rid of it either: that one is looked at by itself
    return [_fault(sending, each, flying, f"{each} takes no more of it, with time left") for each in passing]


def _fault(sending: Sending, service: str, flying: float, why: str) -> Fault:
    share = min(1.0, sending.sending / flying)
    rate = sending.bytes_per_s
    evidence = [
        Evidence(
            "under_way",
            share,
            f"{percent(share)} of all requests were answers of {sending.service} on their way: {why}",
            UNDER_WAY,
        ),
        Evidence("bytes_per_s", rate, f"{sending.service} sent {rate / 1e6:.1f} MB/s ({rate * 8 / 1e6:.0f} Mbit/s)"),
        Evidence(
            "by_reader",
            sending.reader_share,
            f"its reader's window held it {percent(sending.reader_share)} of the time it had something to send",
            BY_READER,
        ),
    ]
    if sending.spread is not None:
        says = f"from half second to half second the bytes differed by {percent(sending.spread)}"
        evidence.append(Evidence("spread", sending.spread, says))
    return Fault(
        service,
        f"{rate * 8 / 1e6:.0f} Mbit/s is what gets through "
        + (f"from {service}" if service == sending.service else f"{service} from {sending.service}")
        + ": a link or a limit of bytes per second",
        tuple(evidence),
        "Send fewer bytes (compress, smaller pictures, pages), answer from nearer to the users, or raise the limit.",
        strength=share,
        signals=2,
    )
