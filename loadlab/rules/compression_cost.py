"""Compressing takes most of the CPU

What: more than half of the application's CPU is spent compressing its answers, as its stacks show: inside gzip, brotli
or a middleware. A line of Python or Node that calls zlib directly has no such frame, and is named by single_core.
Why: a high level costs several times a low one for a few per cent of size, and the application pays it again for each
request, on the thread that serves.
Fix: compress in the reverse proxy or the CDN, at a low level (1 to 5); compress once and keep the result where the
answer is the same for many; leave small answers and pictures as they are.
Not: single_core: there the hot line is the application's own; tls_handshakes: there the CPU goes into key exchange;
bandwidth: there too little is compressed.
Python: GZipMiddleware(compresslevel=4) or none of it behind nginx (gzip on, gzip_comp_level 4); keep compressed bytes
that are the same for many.
Node: compression({ level: 4, threshold: 1024 }) or none of it behind nginx; zlib runs in libuv's pool, which it also
fills.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.signals import Signals

BRANCH = "cpu"
STEP = "reverse_proxy"
RANK = 47
AT_LIMIT = True
ELASTIC = True
COVERS = ("single_core", "all_cores")
NEEDS = ("work", "stations", "host")
USES = ()

COMPRESSING = 0.5
"""Share of the service's CPU. At half, taking it away doubles what a core carries; below, the rest is the larger part
and single_core names its line."""

IDLE = 0.15
"""Share of the cores idle, as in all_cores: below, CPU is what everybody waits for."""


def check(s: Signals) -> Verdict:
    """Each service that has no CPU left and spends most of it compressing."""
    found = [fault for name in s.work.compressing for fault in _fault(s, name)]
    if found:
        return Found(tuple(sorted(found, key=lambda each: -each.strength)))
    return Clear("no library that compresses takes most of a service's CPU")


def _fault(s: Signals, name: str) -> list[Fault]:
    part = s.work.compressing[name]
    full = any(each.full for each in s.stations.of(name))
    if part.share < COMPRESSING or part.line is None or not (full or s.host.idle_share < IDLE):
        return []
    where = blame(part.line)
    return [
        Fault(
            name,
            f"{name} spends {percent(part.share)} of its CPU compressing{at(where)}",
            (
                Evidence(
                    "compressing",
                    part.share,
                    f"{percent(part.share)} of its CPU was inside a compressing library ({part.cores:.2f} cores)",
                    COMPRESSING,
                ),
                Evidence("busy", 1.0, "it had no time left" if full else "the machine had no core left"),
            ),
            "Compress in the reverse proxy at a low level, or once for answers that stay the same.",
            where=where,
            strength=part.share,
            signals=2,
            gain=round(1 / (1 - min(0.9, part.share)), 2),
        )
    ]
