"""State that one instance keeps and its equals do not have: told by how often requests for it fail, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.backends import Group
from loadlab.signals.denials import Endpoint

FEWEST = 30
"""Denied requests: of fewer the share is not known to a fifth."""

OFTEN = 0.05
"""Share of an endpoint's requests. A token that expires now and then denies fewer."""

ALWAYS = 0.97
"""Denied nearly always: wrong credentials, not a wrong instance; that one also is right now and then."""

ALIKE = 3.0
"""Between the instances' shares of denied requests: more apart, one of them is wrong, not the place of the sessions."""

NEAR = 0.6
"""Part of the expected share, 1 - sum of squares of the instances' shares of requests, that agrees with it: a login and
what follows often reach the same instance, where a balancer takes turns and users are few."""


@dataclass(frozen=True)
class State:
    """What may be lost. endpoints, spread: those that missed it, and by (balancer, address) the share that did; sure:
    the answer itself says so, where any other share than chance gives may have another cause."""

    endpoints: Callable[[Signals], Sequence[Endpoint]]
    spread: Callable[[Signals], Mapping[tuple[str, str], float]]
    sure: bool
    what: str
    failed: str
    kept: str
    remedy: str


def often(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Those that deny enough to tell, and more than a token that expires now and then."""
    return [each for each in endpoints if each.denied >= FEWEST and each.share >= OFTEN]


def judge(s: Signals, group: Group, state: State, endpoints: Sequence[Endpoint]) -> Verdict:
    """endpoints: those that often miss it, behind this balancer."""
    partial = [each for each in endpoints if each.share <= ALWAYS]
    if not partial:
        return Unknown(f"{endpoints[0].name} always failed ({endpoints[0].code}): is what it is asked for right?")
    spread = [share for (balancer, _), share in state.spread(s).items() if balancer == group.balancer]
    if spread and max(spread) > ALIKE * max(min(spread), 1e-9):
        return Clear("one instance denies what the others grant: it differs from them in more than its state")
    agrees = _agrees(group, _share(partial))
    if not (agrees or state.sure):
        return Clear("what was written was not found, but not as often as other instances are asked for it")
    return Found((_fault(group, state, partial, spread, agrees=agrees),))


def _share(endpoints: list[Endpoint]) -> float:
    denied = sum(each.denied for each in endpoints)
    return denied / sum(each.denied + each.ok for each in endpoints)


def _elsewhere(group: Group) -> float:
    """Share of the requests that reach another instance than the one before, where the balancer picks by chance."""
    return 1 - sum(each.share**2 for each in group.backends)


def _agrees(group: Group, share: float) -> bool:
    return NEAR * _elsewhere(group) <= share <= min(ALWAYS, _elsewhere(group) / NEAR)


def _fault(group: Group, state: State, endpoints: list[Endpoint], spread: list[float], *, agrees: bool) -> Fault:
    worst = max(endpoints, key=lambda each: each.denied)
    share, expected = _share(endpoints), _elsewhere(group)
    asked = sum(each.denied + each.ok for each in endpoints)
    evidence = [
        Evidence("denied", share, f"{percent(share)} of {asked} requests, {state.what}, were {state.failed} "
                 f"({worst.code} at {worst.name})", OFTEN),
        Evidence("expected", expected, f"{percent(expected)} of requests reach another of the {len(group.backends)} "
                 f"instances of {group.service} than the one before"),
    ]  # fmt: skip
    if spread:
        low, high = min(spread), max(spread)
        says = f"every instance did so: {percent(low)} to {percent(high)} of what it was asked"
        evidence.append(Evidence("spread", high / max(low, 1e-9), says, ALIKE))
    return Fault(
        group.service,
        f"{percent(share)} of {state.what} fail: {group.service} keeps {state.kept}, "
        f"and {group.balancer} sends the next request to another",
        tuple(evidence),
        state.remedy,
        strength=min(1.0, share),
        signals=state.sure + agrees + bool(spread),
    )
