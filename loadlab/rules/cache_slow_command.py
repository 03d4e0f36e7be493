"""One command occupies the cache

What: the cache's one thread is busy most of the time, and most of that with one command that takes a tenth of a
millisecond a call, or far more.
Why: Redis and Valkey do one command at a time: while one walks over a hundred thousand keys (KEYS, SMEMBERS, HGETALL,
SORT, a Lua script), every other client waits, however cheap what it asks for.
Fix: SCAN instead of KEYS, a part instead of the whole (HGET, ZRANGE with a limit), a structure that answers the
question at once; heavy work on a second server or a replica.
Not: cache_misses: there commands are quick; the network to the cache: there its core is idle.
Python: scan_iter instead of keys; hmget of what is needed; pipeline().
Node: scanStream instead of KEYS; HMGET of what is needed; pipelines.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.caches import Cache

BRANCH = "memory"
STEP = "cheaper_command"
RANK = 43
AT_LIMIT = True
ELASTIC = True
COVERS = ("single_core",)
LIFTS = ()
SPARES = True
NEEDS = ("caches", "cpu")
USES = ("stations",)

BUSY = 0.7
"""Of one core. Its thread serves all clients: past this, a queue in front of it is as long as a command, and more."""

MOST = 0.5
"""Of the time of all commands, for the one to blame."""

SLOW_MS = 0.1
"""One call. A GET takes a microsecond, a page of SCAN some tens: a hundred are a walk over a thousand elements. Seen
of a script that sums a list of 5,000: 0.6 ms."""

SCRIPTS = ("eval", "fcall")
"""How the names of commands begin that run a script. What the script asks for is counted as commands of its own."""


def check(s: Signals) -> Verdict:
    """Each cache whose thread is taken up by one command."""
    if not s.caches.all:
        return Clear("no cache")
    found = [fault for each in s.caches.all for fault in _faults(s, each)]
    return Found(tuple(found)) if found else Clear("no command took a cache's time")


def _faults(s: Signals, cache: Cache) -> list[Fault]:
    if not cache.commands:
        return []
    top, together = cache.commands[0], sum(each.share for each in cache.commands)
    service = s.cpu.services.get(cache.service)
    cores = (
        max((each.cores for each in service.processes if each.entity.instance == cache.instance), default=0.0)
        if service
        else 0.0
    )
    if max(cores, together) < BUSY or top.share < MOST * together or top.mean_ms < SLOW_MS:
        return []
    name = top.name.upper().replace("|", " ")
    script = top.name.startswith(SCRIPTS)
    others = sum(each.calls for each in cache.commands[1:])
    behind = (
        "other commands/s came beside it, the script's own among them"
        if script
        else ("other commands/s waited behind it")
    )
    evidence = (
        Evidence("command", top.share, f"{name} took {percent(top.share)} of its time: {top.mean_ms:.1f} ms a call, "
                 f"{top.calls:.0f} calls/s", MOST),
        Evidence("cores", cores, f"the server used {percent(cores)} of one core, and has no use for a second", BUSY),
        Evidence("others", others, f"{others:.0f} {behind}"),
    )  # fmt: skip
    return [
        Fault(
            cache.service,
            f"{name} occupies {cache.service}: {top.mean_ms:.1f} ms a call, {percent(top.share)} of its one thread",
            evidence,
            "Let the script walk over less (a range, an index of what is looked for), or run it on a second server."
            if script
            else f"Ask for less than {name} gives (SCAN, a range, a field), or run it on a second server.",
            instance=cache.instance,
            strength=min(1.0, top.share),
            signals=1 + (cores >= BUSY),
            gain=round(1 / max(0.1, 1 - top.share), 2),
        )
    ]
