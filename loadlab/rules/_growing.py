"""Where CPU is used up by work that grows with every request: part of the rules of CPU."""

from __future__ import annotations

from dataclasses import replace

from loadlab.rules import Evidence, Fault
from loadlab.signals import Signals
from loadlab.signals.growing import OVERALL

STEP = "bounded_work"
"""Instead of more workers: each of them would slow down as well, later."""


def if_it_grows(s: Signals, fault: Fault) -> Fault:
    """The fault as it stands, where a request costs its service the same all the time; else with what the sentence
    goes on with, the reason, and another next step."""
    growth = s.growing.get(fault.service)
    if growth is None:
        return fault
    times = growth.end_ms / growth.first_ms
    place = "" if fault.where is None else f" in or around {fault.where.function}()"
    return replace(
        fault,
        sentence=f"{fault.sentence}; each request costs more than those before it, {times:.1f} times as much by now",
        evidence=(*fault.evidence, Evidence("growth", times, growth.says, OVERALL)),
        remedy=(
            f"Find what each request adds to and each goes through{place}: listeners or callbacks that nobody removes, "
            "a list that is searched, a cache or a table without bound; remove it, bound it, or look it up by key. "
            "More cores or workers only put it off."
        ),
        step=STEP,
        gain=None,
    )
