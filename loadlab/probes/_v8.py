"""Stacks of Node processes, by V8's own profiler, without a change to their code.

V8 says where the process's main thread was, hundreds of times a second; whether it ran there or stood still is what the
kernel says at the same moments: both use one clock. Processes take turns, because their inspectors open at one port.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from loadlab.clock import Clock
from loadlab.probes import _inspector
from loadlab.probes._cpuprofile import CallSites, Profile, States, fold
from loadlab.probes._stack_run import Alive, StackRun
from loadlab.probes._tree import Member, read, stat_fields

INTERVAL_US = 1900
"""Between two samples. Odd, so that it does not fall in step with timers of whole milliseconds."""

LOOK_S = 0.002
"""Between two looks at the thread's state: as fine as the samples."""

BUSY_S = 0.3
"""How long it is looked at who works, before those are profiled."""

TURN_S = 1.0
"""The least for one process: 500 samples, a share of one half to within 2 points. Of more processes than there are
turns the busiest are profiled."""

IDLE_SHARE = 0.05
"""CPU, as a share of the busiest process's, below which one is left out: npm, a shell's wrapper."""

WORKER = b"NODE_UNIQUE_ID="
"""Environment variable by which node:cluster tells a worker that it is one."""

MOST_ALIVE = 256 * 2**20
"""Bytes of a heap up to which it is asked to collect: half a second for as much, in which no request moves."""

HEAP = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())"
"""Objects, and what lies outside of the heap but belongs to one of them: buffers."""

LONGEST = 2_000_000
"""Bytes of a script that is read for the lines of calls."""


def record(members: Sequence[Member], duration_s: float, clock: Clock, stop: threading.Event) -> list[StackRun]:
    """The busiest Node processes, one after the other. A Source."""
    until = clock.monotonic() + duration_s
    mine = [each for each in candidates(members) if is_node(each.pid)]
    waiting = busiest(mine, stop)[: max(1, int((duration_s - BUSY_S) / TURN_S))] if mine else []
    runs = []
    while waiting and not stop.is_set():
        turn_s = max(TURN_S / 2, (until - clock.monotonic()) / len(waiting))
        member = waiting.pop(0)
        try:
            found, alive = _profile(member, turn_s, clock, stop)
            runs += [StackRun(member.target, mode, {member.pid: text}) for mode, text in found.items()]
            runs.append(StackRun(member.target, "", {}, alive=alive))
        except _inspector.Unreadable as why:
            runs.append(StackRun(member.target, "", {}, f"no lines of process {member.pid}: {why}"))
    return runs


def candidates(members: Sequence[Member], proc: str = "/proc") -> list[Member]:
    """Those that may be sent SIGUSR1. Never the primary of node:cluster: it would have all its workers open their
    inspectors as well, and does none of their work."""
    parents = {
        each.pid: int((stat_fields(read(f"{proc}/{each.pid}/stat", 1024)) or [b"", b"0"])[1]) for each in members
    }
    workers = {each.pid for each in members if _is_worker(each.pid, proc)}
    primaries = {parents[each] for each in workers}
    return [each for each in members if each.pid not in primaries]


def _is_worker(pid: int, proc: str) -> bool:
    return any(each.startswith(WORKER) for each in read(f"{proc}/{pid}/environ").split(b"\0"))


def is_node(pid: int) -> bool:
    """Whether it runs Node, told by its program."""
    try:
        name = Path(os.readlink(f"/proc/{pid}/exe")).name
    except OSError:
        return False
    return name in ("node", "nodejs")


def busiest(members: Sequence[Member], stop: threading.Event) -> list[Member]:
    """Those that work, in order of the CPU time they use in a moment; all where none does."""
    before = {each.pid: _ticks(each.pid) for each in members}
    stop.wait(BUSY_S)
    used = {each.pid: _ticks(each.pid) - before[each.pid] for each in members}
    least = IDLE_SHARE * max(used.values())
    ordered = sorted(members, key=lambda each: -used[each.pid])
    return [each for each in ordered if used[each.pid] >= least]


def _ticks(pid: int) -> int:
    fields = stat_fields(read(f"/proc/{pid}/stat", 1024))
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0


def _profile(member: Member, turn_s: float, clock: Clock, stop: threading.Event) -> tuple[dict[str, str], Alive | None]:
    """Folded text by mode, and what stayed alive. Raises Unreadable."""
    until = clock.monotonic() + turn_s
    with _inspector.session(member, clock, stop) as session:
        before, asked = _alive(session), clock.monotonic()
        session.ask("Profiler.enable")
        session.ask("Profiler.setSamplingInterval", interval=INTERVAL_US)
        session.ask("Profiler.start")
        looks = _watch(member.pid, max(until, clock.monotonic() + TURN_S / 2), clock, stop)
        profile = Profile(session.ask("Profiler.stop")["profile"])
        coverage = session.ask("Profiler.getBestEffortCoverage")["result"]
        after, seconds = _alive(session), clock.monotonic() - asked
    alive = Alive(member.pid, seconds, before, after) if before is not None and after is not None else None
    return fold(profile, States(looks), CallSites(coverage, text_of)), alive


def _alive(session: _inspector.Session) -> int | None:
    """Bytes after a collection; None where the heap is too big to ask for one."""

    def held() -> int:
        return int(session.ask("Runtime.evaluate", expression=HEAP, returnByValue=True)["result"]["value"])

    if held() > MOST_ALIVE:
        return None
    session.ask("HeapProfiler.collectGarbage")
    return held()


def _watch(pid: int, until: float, clock: Clock, stop: threading.Event) -> list[tuple[float, bool]]:
    """When the process's main thread ran: (seconds of the monotonic clock, ran or ready to)."""
    looks = []
    while (now := clock.monotonic()) < until and not stop.wait(LOOK_S):
        fields = stat_fields(read(f"/proc/{pid}/task/{pid}/stat", 1024))
        if not fields:
            break
        looks.append((now, fields[0] == b"R"))
    return looks


def text_of(path: str) -> str | None:
    """A script's text; None for what is no file, or is too big to be read for this."""
    try:
        if Path(path).stat().st_size > LONGEST:
            return None
        return Path(path).read_bytes().decode("utf-8", "replace")
    except (OSError, ValueError):
        return None
