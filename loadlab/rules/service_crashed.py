"""A process died under load

What: a process of the system ended though nobody asked it to, while it was under load: an instance, or a worker that
an instance had forked and may have replaced at once.
Why: every request it held is lost, and its share of the load falls on the others; connections that are kept stay with
them after it is back. A restart hides it from dashboards.
Fix: its exit code or signal and its last lines are below: mend that first, everything else was measured on a broken
system.
Not: a restart that was asked for, a scaler that takes an instance away, a master that renews its workers after so many
requests: those are expected.
Python: read its last lines; faulthandler for native crashes.
Node: read its last lines; process.on('unhandledRejection') to see who threw.
"""

from __future__ import annotations

import re
import signal
from collections import Counter

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, Where
from loadlab.signals import Signals
from loadlab.signals.frames import is_users, shown
from loadlab.signals.life import Exit

BRANCH = "code"
STEP = "fix_crash"
RANK = 10
AT_LIMIT = False
ELASTIC = False
NEEDS = ("life",)
USES = ("memory",)

FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
"""A frame of a Python traceback."""


def check(s: Signals) -> Verdict:
    """Each service that lost a process; one killed for memory is memory_limit's."""
    killed = {each.entity.service for each in s.memory.limits if each.oom_kills > 0}
    exits = [each for each in s.life.exits if not (each.service in killed and each.signal == signal.SIGKILL)]
    if not exits:
        return Clear("every process lived")
    counts = Counter((each.service, each.worker) for each in exits)
    first = {(each.service, each.worker): each for each in reversed(exits)}
    return Found(tuple(_fault(s, first[who], count) for who, count in counts.most_common()))


def _fault(s: Signals, exit_: Exit, count: int) -> Fault:
    how = _how(exit_)
    where = _where(s, exit_)
    times = "" if count == 1 else f" {count} times"
    place = f" in {where.function}() at {where.place}" if where else ""
    in_all = "" if count == 1 else f", {count} times in all"
    evidence = [Evidence("exits", count, f"{how}, {exit_.t:.0f} s into the run{in_all}")]
    if exit_.last_lines:
        evidence.append(Evidence("last_line", 1, f"its last words: {exit_.last_lines[-1].strip()[:160]}"))
    if exit_.restarted:
        evidence.append(Evidence("restarted", 1, "it was started again"))
    who = f"a worker of {exit_.service}" if exit_.worker else exit_.service
    return Fault(
        exit_.service,
        f"{who} crashed{times} under load: {how}{place}",
        tuple(evidence),
        "Mend what ended it; its log is in the recording.",
        instance=exit_.instance,
        pid=exit_.pid,
        where=where,
        strength=1.0,
        signals=2,
    )


def _how(exit_: Exit) -> str:
    if exit_.signal:
        try:
            name = signal.Signals(exit_.signal).name
        except ValueError:
            name = str(exit_.signal)
        return f"killed by {name}"
    return f"exit code {exit_.code}" if exit_.code is not None else "it ended"


def _where(s: Signals, exit_: Exit) -> Where | None:
    """The user's innermost frame of the traceback among its last lines."""
    meta = next((each for each in s.meta.services if each.name == exit_.service), None)
    frames = FRAME.findall("\n".join(exit_.last_lines))
    mine = [(file, int(line), function) for file, line, function in frames if meta and is_users(file, meta.cwd)]
    if not mine or meta is None:
        return None
    file, line, function = mine[-1]
    return Where(function.rstrip(","), shown(meta, file), line)
