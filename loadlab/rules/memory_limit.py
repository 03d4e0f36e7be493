"""The memory limit is reached

What: the service's control group ran into its memory limit, was killed for it, or the machine reads back from swap.
Why: at the limit the kernel reclaims pages that are needed again at once, or kills a process: every request pays. Pages
of files that it keeps for the group count, too.
Fix: a bigger limit or server; move caches and sessions into a store of their own (Redis); stream instead of collecting.
Not: memory_leak: there it grows without end; here the limit is just small; disk_io: there files are larger than any
memory, or are written.
Python: stream instead of read(); fewer workers, or --preload to share pages.
Node: streams instead of buffers; --max-old-space-size below the limit.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.disk import OnDisk
from loadlab.signals.memory import MemoryLimit

BRANCH = "memory"
STEP = "bigger_server_or_cache"
RANK = 15
AT_LIMIT = False
ELASTIC = False
NEEDS = ("memory",)
USES = ("disk",)

NEAR = 0.98
"""Peak usage over limit. The kernel counts page cache too, so being near the limit alone is normal for a server that
reads files: it takes hits on the limit or major faults besides."""

MAJOR_FAULTS = 50.0
"""Per second: pages read back from disk that had just been thrown out. A warm server has none."""

AT_DISK = 0.3
"""Share of the threads at work that stand at the disk, from which on pages of files that are read again and again
matter; as of disk_io, whose cause this then is."""

SWAP_IN = 200.0
"""Pages per second (0.8 MB/s) read back from swap on the whole host."""

HELD = (
    "Raise the limit, or hold less in the process: caches and sessions in a store of their own, streams for large "
    "bodies."
)
FILES = (
    "Raise the limit until what is read of its files again and again has room below it: their pages in the kernel's "
    "cache count, too. Else read less of them for a request (an index, a smaller format), or hold less in the process."
)
"""What to do; of files that a limit leaves no room for."""


def check(s: Signals) -> Verdict:
    """Kills first, then hits on the limit with pages read back, then swap."""
    found = [fault for each in s.memory.limits for fault in _group(s, each)]
    if found:
        return Found(tuple(found))
    faulting = [each for each in s.memory.growth if each.major_faults >= MAJOR_FAULTS]
    if s.memory.swap_in >= SWAP_IN and faulting:
        top = max(faulting, key=lambda each: each.major_faults)
        swapped = Evidence(
            "swap_in", s.memory.swap_in, f"{s.memory.swap_in:.0f} pages/s were read back from swap", SWAP_IN
        )
        faults = Evidence(
            "major_faults", top.major_faults, f"{top.major_faults:.0f} major faults each second", MAJOR_FAULTS
        )
        return Found((_fault(top.service, top.instance, "the machine's memory is full: it swaps", (swapped, faults)),))
    return Clear("no limit was hit" if s.memory.limits else "no memory limit, no swapping")


def _group(s: Signals, limit: MemoryLimit) -> list[Fault]:
    name, instance = limit.entity.service, limit.entity.instance
    size = f"{limit.limit / 1e6:.0f} MB"
    if limit.oom_kills > 0:
        killed = Evidence(
            "oom_kills", limit.oom_kills, f"the kernel killed {limit.oom_kills:.0f} of its processes for memory", 0
        )
        most = Evidence("peak_bytes", limit.peak, f"it used {percent(limit.peak / limit.limit)} of {size}", NEAR)
        return [_fault(name, instance, f"{name} is killed at its memory limit of {size}", (killed, most))]
    faults = sum(each.major_faults for each in s.memory.growth if (each.service, each.instance) == (name, instance))
    if limit.peak >= NEAR * limit.limit and limit.hits > 0 and faults >= MAJOR_FAULTS:
        hits = Evidence("limit_hits", limit.hits, f"it ran into its limit of {size} {limit.hits:.0f} times", 0)
        paging = Evidence(
            "major_faults", faults, f"{faults:.0f} pages each second were read back from disk", MAJOR_FAULTS
        )
        return [_fault(name, instance, f"{name} is at its memory limit of {size}", (hits, paging))]
    disk = s.disk.services.get(name)
    waits = disk is not None and disk.waiting >= AT_DISK * disk.at_work > 0
    if limit.peak >= NEAR * limit.limit and limit.refaults >= MAJOR_FAULTS and disk is not None and waits:
        return [_fault(name, instance, f"{name} is at its memory limit of {size}", _reads_again(limit, disk), FILES)]
    return []


def _reads_again(limit: MemoryLimit, disk: OnDisk) -> tuple[Evidence, ...]:
    """Pages of files count towards the limit: they are thrown out, and read again at the next request."""
    says = f"{limit.refaults:.0f} pages each second were read back that had been thrown out a moment before"
    stood = f"{disk.waiting:.1f} of {disk.at_work:.1f} threads at work stood at the disk for them"
    return (
        Evidence("refaults", limit.refaults, says, MAJOR_FAULTS),
        Evidence("waiting", disk.waiting, stood, AT_DISK * disk.at_work),
    )


def _fault(name: str, instance: int, sentence: str, evidence: tuple[Evidence, ...], remedy: str = HELD) -> Fault:
    return Fault(
        name,
        sentence,
        evidence,
        remedy,
        instance=instance,
        strength=0.9,
        signals=len(evidence),
    )
