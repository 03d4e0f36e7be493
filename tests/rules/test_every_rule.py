"""What holds for every rule, whatever it is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from loadlab.catalogue import sections, units
from loadlab.diagnosis.apply import ask
from loadlab.rules import Clear, Unknown
from loadlab.signals import Signals
from tests.build import Builder
from tests.rules.test_rules import CASES


def _nothing_seen(_: float) -> Builder:
    return Builder().service("app").load()


@cache
def _signals(build: Callable[[float], Builder]) -> Signals:
    """Of a system without noise, for all rules: each signal is computed once, as in a diagnosis."""
    return Signals(build(0.0).recording())


@pytest.mark.parametrize("kind", sorted(units("rules")))
def test_every_rule_without_data_is_unknown_or_clear_never_found(kind: str) -> None:
    verdict = ask(units("rules")[kind], _signals(_nothing_seen))
    assert isinstance(verdict, Unknown | Clear) or kind in ("probe_blind", "too_few_samples"), verdict


@pytest.mark.parametrize("kind", sorted(units("rules")))
def test_every_rule_teaches(kind: str) -> None:
    text = sections(units("rules")[kind])
    assert text["Title"]
    assert all(len(text[name]) > 40 for name in ("What", "Why", "Fix"))


@pytest.mark.parametrize("kind", sorted(units("rules")))
@pytest.mark.parametrize("build", [each[0] for each in CASES], ids=[each[0].__name__ for each in CASES])
def test_no_rule_asks_for_what_it_did_not_declare(kind: str, build: Callable[[float], Builder]) -> None:
    verdict = ask(units("rules")[kind], _signals(build))
    assert not (isinstance(verdict, Unknown) and "itself failed" in verdict.why), verdict
