"""benchmarks/sensitivity.py: what it does not compute anew must be what would come out again."""

from __future__ import annotations

import copy
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import apply
from loadlab.signals import Signals
from tests.build import Proc, system

SCRIPT = Path(__file__).parent.parent / "benchmarks/sensitivity.py"


@pytest.fixture(scope="module")
def sensitivity() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sensitivity", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def known(sensitivity: ModuleType) -> list[Any]:
    found = []
    for proc in (Proc(cores=0.98, busy=0.99), Proc(cores=0.1, busy=0.2), Proc(cores=0.6, busy=0.7)):
        recording = system(proc).recording()
        signals = Signals(recording)
        answers = {each.rule.__name__: each.verdict for each in apply(signals, units("rules"))}
        said, right = sensitivity.verdict(recording, signals, None)
        found.append(sensitivity.Known("one", recording, signals, answers, said, None, right))
    return found


@pytest.mark.parametrize(
    "name",
    [
        "signals.threads.FEWEST_SAMPLES",
        "signals.threads.TURN",
        "signals.stations.FULL",
        "signals.stations.STARVED",
        "signals.saturation.",
        "signals.windows.",
        "rules.single_core.",
        "rules._cpu.",
        "diagnosis.rank.",
    ],
)
def test_what_is_kept_is_what_would_be_computed_anew(sensitivity: ModuleType, known: list[Any], name: str) -> None:
    for threshold in sensitivity.thresholds(name):
        for factor in sensitivity.FACTORS:
            quick = sensitivity.effect(threshold, factor, known)
            with sensitivity.changed(threshold, factor):
                copies = [copy.copy(each.recording) for each in known]
                anew = [sensitivity.verdict(each, Signals(each), None)[0] for each in copies]
            moved = sum(said != each.said for said, each in zip(anew, known, strict=True))
            assert quick == (moved, 0), (threshold.where, factor)


def test_some_thresholds_of_these_move_something(sensitivity: ModuleType, known: list[Any]) -> None:
    moved = [
        sensitivity.effect(each, 2.0, known)[0] for each in sensitivity.thresholds("signals.threads.FEWEST_SAMPLES")
    ]
    moved += [sensitivity.effect(each, 2.0, known)[0] for each in sensitivity.thresholds("signals.stations.FULL")]
    assert any(moved)


def test_each_signal_tells_where_it_comes_from(sensitivity: ModuleType) -> None:
    names = [name for name, each in vars(Signals).items() if hasattr(each, "func")]
    assert len(names) > 40
    assert "loadlab.signals.workers" in sensitivity.stands_on("edges")  # through another signal
    for name in names:
        assert sensitivity.stands_on(name)
