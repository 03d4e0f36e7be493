"""Asks every rule. One that raises, or that lacks its data, is Unknown with the reason: it neither stops nor
disappears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import (
    Missing,
    Signals,
    caches,
    churn,
    cpu,
    disk,
    edges,
    host,
    hot,
    memory,
    narrow,
    querying,
    queues,
    quota,
    sockets,
    stations,
    threads,
    windows,
    work,
    workers,
)


@dataclass(frozen=True)
class Answer:
    """One rule's verdict, with the rule."""

    kind: str
    rule: ModuleType
    verdict: Verdict


def apply(signals: Signals, rules: Mapping[str, ModuleType]) -> tuple[Answer, ...]:
    """Every rule's answer, in the rules' order."""
    return tuple(Answer(kind, rule, ask(rule, signals)) for kind, rule in rules.items())


def ask(rule: ModuleType, signals: Signals) -> Verdict:
    """One rule's answer; never raises."""
    try:
        for name in rule.NEEDS:
            getattr(signals, name)
        verdict: Verdict = rule.check(_Lenient(narrow(signals, (*rule.NEEDS, *rule.USES)), rule.USES))
    except Missing as missing:
        return Unknown(str(missing))
    except Exception as error:  # noqa: BLE001 - a broken rule must not stop the others, nor look like a clear one
        return Unknown(f"the rule itself failed: {type(error).__name__}: {error}")
    return verdict if isinstance(verdict, Found | Clear | Unknown) else Unknown("the rule gave no verdict")


class _Lenient:
    """Signals where those of USES that are missing are empty instead of raising."""

    def __init__(self, signals: Signals, uses: tuple[str, ...]) -> None:
        self._signals = signals
        self._uses = uses

    def __getattr__(self, name: str) -> object:
        try:
            return getattr(self._signals, name)
        except Missing:
            if name in self._uses and name in EMPTY:
                return EMPTY[name]
            raise


def _empty() -> dict[str, object]:
    nothing = windows.Window(0.0, 0.0)
    return {
        "hot": hot.Hot({}),
        "cpu": cpu.Cpu(nothing),
        "disk": disk.Disk({}, None, 0.0),
        "stations": stations.Stations((), None),
        "sockets": sockets.Sockets((), 0.0),
        "memory": memory.Memory((), (), 0.0, 0.0),
        "host": host.Host(1, 0.0, 1.0, 0.0, 0.0, 0.0, None, None),
        "elasticity": {},
        "querying": querying.Querying(),
        "pressure": {},
        "workers": workers.Crew((), None, frozenset(), {}, {}, {}, {}),
        "edges": edges.Edges(()),
        "threads": threads.Threads(()),
        "work": work.Work({}, {}),
        "starting": {},
        "background": frozenset(),
        "calls": (),
        "lanes": {},
        "churn": churn.Churn(()),
        "growing": {},
        "caches": caches.Caches(()),
        "sends": {},
        "quota": quota.Quotas(()),
        "queues": queues.Queues(()),
    }


EMPTY: dict[str, object] = _empty()
"""What a signal of USES looks like where its data are missing: as if nothing had been seen."""
