"""Signals that others stand on."""

from __future__ import annotations

import gc
import weakref

import pytest

from loadlab.recording.model import Recording
from loadlab.signals import cpu, stations, threads
from loadlab.signals._once import once
from loadlab.signals.missing import Missing
from loadlab.signals.windows import Window
from tests.build import Builder, Proc, system


def test_a_signal_is_computed_once_for_each_recording() -> None:
    asked: list[Recording] = []
    count = once(lambda recording: asked.append(recording) or len(asked))
    one, other = system(Proc()).recording(), system(Proc()).recording()
    assert [count(one), count(other), count(one), count(other)] == [1, 2, 1, 2]


def test_what_is_missing_stays_missing_and_says_why_each_time() -> None:
    empty = Builder().service("app").load().recording()
    for _ in range(2):
        with pytest.raises(Missing, match="no process was sampled in the measured window"):
            cpu.compute(empty)


@pytest.mark.parametrize("signal", [cpu, stations, threads])
def test_nothing_is_kept_of_a_recording_that_is_gone(signal: object) -> None:
    recording = system(Proc()).recording()
    assert signal.compute(recording) is signal.compute(recording)  # type: ignore[attr-defined]
    gone = weakref.ref(recording)
    del recording
    gc.collect()
    assert gone() is None


def test_threads_asked_for_otherwise_are_not_those_of_the_measured_window() -> None:
    recording = system(Proc(cores=0.8, busy=0.9)).recording()
    before = threads.compute(recording)
    within = threads.compute(recording, Window(4.0, 12.0))
    assert within.all and within is not before and within.all[0].samples != before.all[0].samples
    with pytest.raises(Missing, match="no thread was sampled 10000000 times in the window"):
        threads.compute(recording, fewest=10_000_000)
    assert threads.compute(recording) is before
