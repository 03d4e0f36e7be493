"""Work that a service does for no request that waits, and has more of than it gets done: part of queue_backlog."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame
from loadlab.signals import Missing, Signals
from loadlab.signals.draining import AS_BEFORE, GoneOn
from loadlab.signals.memory import GROWN_BYTES, Growth


def faults(s: Signals) -> list[Fault]:
    """Services that remember ever more while the load was level, and went on as before when it had ended. A leak rests
    then; and who only finishes what was under way keeps no more of it than before."""
    try:
        grown = {each.service: each for each in sorted(s.memory.growth, key=lambda each: each.grown) if each.steady}
        found = [(grown[name], s.draining.of(name)) for name in sorted(grown)]
    except Missing:
        return []
    return [_fault(s, growth, gone_on) for growth, gone_on in found if gone_on is not None]


def _fault(s: Signals, growth: Growth, gone_on: GoneOn) -> Fault:
    name, to = growth.service, gone_on.to
    where = blame(s.hot.running(name)) if not to else None
    evidence = [
        Evidence("gone_on", gone_on.after / gone_on.under_load, _went_on(s, gone_on), AS_BEFORE),
        Evidence(
            "grown_bytes",
            growth.grown,
            f"its memory grew by {growth.grown / 1e6:.1f} MB in {growth.seconds:.0f} s at constant load, in every "
            "quarter of it",
            GROWN_BYTES,
        ),
    ]
    what = f"its calls to {to} go on" if to else "it computes on"
    return Fault(
        name,
        f"work that no request waits for piles up in {name}{at(where)}: {what} when the load has ended, and what waits "
        f"takes {growth.per_second / 1e6:.2f} MB/s more memory",
        tuple(evidence),
        "Bound what may wait in memory, and let requests feel it: await the work, take a place in a queue of fixed "
        "length before the answer, or refuse; or hand it to a broker with consumers of its own."
        + (f" Then do more of it at a time, or make {to} quicker." if to else " Then make it cheaper."),
        instance=growth.instance,
        where=where,
        strength=min(1.0, growth.grown / growth.first),
        signals=2,
    )


def _went_on(s: Signals, gone_on: GoneOn) -> str:
    seconds = f"for {s.draining.seconds:.1f} s in which no request was under way"
    if gone_on.unit == "cores":
        return f"it used {gone_on.after:.2f} cores {seconds}, and {gone_on.under_load:.2f} under load"
    then, now, to = gone_on.under_load, gone_on.after, gone_on.to
    if gone_on.unit == "calls":
        return f"{now:.1f} calls to {to} were under way {seconds}, and {then:.1f} under load"
    return f"it made {now:.0f} calls/s to {to} {seconds}, and {then:.0f} under load"
