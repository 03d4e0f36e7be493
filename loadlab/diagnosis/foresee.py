"""What limits after this one: the next smallest servers / demand, once the remedy has lifted the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType

from loadlab.diagnosis.model import Finding, Next
from loadlab.signals.headroom import FARTHEST, Headroom, Place

NAMES = {
    "core": "CPU, one core for each of its processes",
    "quota": "its CPU quota",
    "loop": "its event loop, which stands still in calls",
    "workers": "its workers, which wait in calls",
    "connections": "the connections to it",
}


def foresee(
    finding: Finding, rules: Mapping[str, ModuleType], headroom: Headroom | None
) -> tuple[Finding, Next | None]:
    """The finding, its gain no larger than the next limit allows or can be foreseen, and that limit; None where it is
    not known: the rule does not say what its remedy changes, demands were not measured, or nothing else is used enough
    to tell."""
    rule = rules.get(finding.kind)
    lifts: tuple[str, ...] | None = getattr(rule, "LIFTS", None)
    # LIFTS is of the rule's own remedy: what another one changes is not known.
    if headroom is None or lifts is None or finding.remedy.step != getattr(rule, "STEP", finding.remedy.step):
        return finding, None
    spared = bool(getattr(rule, "SPARES", False))
    place = headroom.next(finding.service, lifts, spared=spared, along=finding.along)
    gain, most = finding.remedy.expected_gain, FARTHEST if place is None else place.factor
    capped = None if gain is None else round(min(gain, most), 2)
    finding = replace(finding, remedy=replace(finding.remedy, expected_gain=capped))
    if place is None:
        return finding, None
    return finding, _limit(
        place, headroom, spared, finding.service if spared and finding.service in dict(place.shares) else ""
    )


def nearest(headroom: Headroom | None) -> Next | None:
    """What limits first where nothing does yet, unless something that is no station does before."""
    place = None if headroom is None else headroom.next("", ())
    return None if headroom is None or place is None else _limit(place, headroom, at_most=True)


def _limit(place: Place, headroom: Headroom, at_most: bool, without: str = "") -> Next:
    """without: whose use is left out of it, as the remedy makes that less, by how much nobody knows."""
    return Next(
        place.service or None,
        place.resource,
        round(headroom.rps * place.factor, 1),
        round(place.factor, 2),
        _why(place, headroom.rps, without),
        at_most=at_most,
    )


def _why(place: Place, rps: float, without: str) -> str:
    used = f"{place.used:.2f} of {place.servers:.3g}"
    if not place.service:
        who = f"without {without}, services and load generator" if without else "services and load generator"
        return f"the machine's cores: {who} use {used} at {rps:.0f} requests/s"
    left_out = f", without what waits for {without}," if without else ""
    return f"{place.service}: {NAMES[place.resource]}: {used} used{left_out} at {rps:.0f} requests/s"
