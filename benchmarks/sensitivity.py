"""What hangs on each threshold: every named number of the rules and of the signals they read, halved and doubled, and
how many verdicts of a folder of recordings move. Nothing is run again: recordings are judged anew.

    .venv/bin/loadlab scoreboard --results runs/scoreboard.jsonl
    .venv/bin/python benchmarks/sensitivity.py [runs] [--results runs/scoreboard.jsonl] [--all] [--only RULE]

A verdict moves where outcome, kind or service of the first finding change, or the kinds beside it. With the results of
`loadlab scoreboard` beside the recordings it is told, too, how many verdicts that were right are wrong afterwards. A
rule of which one threshold decides many verdicts hangs on that number, and wants to be built differently.

Whole numbers count like fractions where they are thresholds; numbers of format, ports and the like are left alone by
taking only constants of loadlab.rules, loadlab.signals and loadlab.diagnosis; RANK orders causes and is no threshold.
A constant that another module imported is changed there as well.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

from loadlab import flow
from loadlab.catalogue import units
from loadlab.cli import _recordings
from loadlab.diagnosis.apply import apply, ask
from loadlab.diagnosis.judge import diagnose
from loadlab.errors import RecordingError
from loadlab.recording.model import Recording
from loadlab.report.json import document
from loadlab.rules import Verdict
from loadlab.scoreboard.case import Case, find
from loadlab.scoreboard.judge import judge
from loadlab.scoreboard.result import from_text
from loadlab.signals import Signals, cpu, stations, threads

PACKAGES = ("loadlab.rules", "loadlab.signals", "loadlab.diagnosis")
FACTORS = (0.5, 2.0)


@dataclass(frozen=True)
class Known:
    """A recording, what it says as it is, and its truth where that is known."""

    name: str
    recording: Recording
    signals: Signals
    """Computed once: a threshold of a rule leaves them as they are."""
    answers: dict[str, Verdict]
    """Of each rule, by its module."""
    said: tuple[Any, ...]
    case: Case | None
    right: bool


@dataclass(frozen=True)
class Threshold:
    """One named number."""

    module: ModuleType
    name: str
    value: float

    @property
    def where(self) -> str:
        """`single_core.FULL_CORE`."""
        return f"{self.module.__name__.removeprefix('loadlab.')}.{self.name}"


def main() -> int:
    """Prints the table; what moves most comes first."""
    options = arguments()
    known = list(recordings(options.runs, options.results))
    if not known:
        print(f"{options.runs}: no recording that can be judged; make some with `loadlab scoreboard`", file=sys.stderr)
        return 2
    told = sum(each.case is not None for each in known)
    right = sum(each.right for each in known)
    print(f"{len(known)} recordings; of {told} the truth is known, of these {right} are right\n")
    print(f"{'threshold':<52} {'value':>10}  {'halved':>16}  {'doubled':>16}")
    rows, still = [], 0
    wanted = list(thresholds(options.only))
    KNOWN.extend(known)  # the workers are forks, and have them
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("fork")) as pool:
        effects = list(pool.map(both, range(len(wanted)), repeat(options.only)))
    for each, ((moved_down, lost_down), (moved_up, lost_up)) in zip(wanted, effects, strict=True):
        still += not (moved_down or moved_up)
        if moved_down or moved_up or options.all:
            line = (
                f"{each.where:<52} {each.value:>10g}  {said(moved_down, lost_down):>16}  {said(moved_up, lost_up):>16}"
            )
            rows.append((lost_down + lost_up, moved_down + moved_up, line))
    for _, _, line in sorted(rows, key=lambda row: (-row[0], -row[1], row[2])):
        print(line)
    print(f"\n{still} thresholds move no verdict of these recordings, halved or doubled")
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("runs", nargs="?", type=Path, default=Path("runs"), help="a folder of recordings")
    parser.add_argument("--results", type=Path, help="of loadlab scoreboard; default RUNS/scoreboard.jsonl")
    parser.add_argument("--only", default="", metavar="TEXT", help="thresholds whose name holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time; default: one a core")
    parser.add_argument("--all", action="store_true", help="those that move nothing as well")
    found = parser.parse_args()
    found.results = found.results or found.runs / "scoreboard.jsonl"
    return found


def recordings(runs: Path, results: Path) -> Iterator[Known]:
    """Those that can be judged. Of a folder of many tries, the truth is known of those that count."""
    text = results.read_text(encoding="utf-8") if results.is_file() else ""
    cases = {each.name: each for each in find()}
    truths = {each.recording: cases[each.case] for each in from_text(text, str(results)) if each.case in cases}
    for folder in _recordings.all_of(runs):
        try:
            recording = flow.read(folder).recording
        except RecordingError as error:
            print(f"{folder.name} is left out: {error}", file=sys.stderr)
            continue
        signals = Signals(recording)
        said, right = verdict(recording, signals, truths.get(folder.name))
        answers = {each.rule.__name__: each.verdict for each in apply(signals, units("rules"))}
        yield Known(folder.name, recording, signals, answers, said, truths.get(folder.name), right)


def thresholds(only: str) -> Iterator[Threshold]:
    """Every number in capitals that a module defines itself."""
    for module in modules():
        own = Path(module.__file__ or "").read_text(encoding="utf-8")
        for name, value in vars(module).items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if (
                name.isupper()
                and name != "RANK"
                and is_number
                and f"\n{name}" in own
                and only in f"{module.__name__}.{name}"
            ):
                yield Threshold(module, name, value)


@cache
def modules() -> tuple[ModuleType, ...]:
    """Those whose numbers count."""
    return tuple(
        importlib.import_module(f"{package}.{info.name}")
        for package in PACKAGES
        for info in pkgutil.iter_modules(importlib.import_module(package).__path__)
    )


KNOWN: list[Known] = []


def both(index: int, only: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The effects of halving and doubling the threshold at this place of those wanted."""
    threshold = list(thresholds(only))[index]
    return effect(threshold, FACTORS[0], KNOWN), effect(threshold, FACTORS[1], KNOWN)


def effect(threshold: Threshold, factor: float, known: list[Known]) -> tuple[int, int]:
    """How many verdicts move, and how many right ones are wrong afterwards."""
    moved = lost = 0
    touched = users(threshold.module.__name__)
    rules = [module for module in units("rules").values() if module.__name__ in touched]
    judged = any(not name.startswith("loadlab.rules.") for name in touched)
    with changed(threshold, factor):
        for each in known:
            signals = carried(each, touched)
            if not judged and all(ask(rule, signals) == each.answers[rule.__name__] for rule in rules):
                continue  # the same answers of all rules are the same verdict
            said, right = verdict(each.recording, signals, each.case)
            moved += said != each.said
            lost += each.right and not right
    return moved, lost


@contextmanager
def changed(threshold: Threshold, factor: float) -> Iterator[None]:
    """The number times `factor` wherever it is known, by whatever name. Whole numbers stay whole."""
    value = getattr(threshold.module, threshold.name)
    new = type(value)(round(value * factor)) if isinstance(value, int) else value * factor
    source = threshold.module.__name__
    places = [(threshold.module, threshold.name)]
    places += [
        (sys.modules[module], known_as)
        for module, imports in imported().items()
        for known_as, (of, name) in imports.items()
        if (of, name) == (source, threshold.name)
    ]
    for module, name in places:
        setattr(module, name, new)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, value)


@cache
def imported() -> dict[str, dict[str, tuple[str, str]]]:
    """By module of PACKAGES: what it imports from others, as {name here: (module, name there)}."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for module in modules():
        names = found.setdefault(module.__name__, {})
        for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {each.asname or each.name: (node.module, each.name) for each in node.names}
    return found


@cache
def users(name: str) -> frozenset[str]:
    """The module `name`, and those of PACKAGES that stand on it, directly or through others."""
    uses = {
        module: {known for of, each in imports.values() for known in (of, f"{of}.{each}")}
        for module, imports in imported().items()
    }
    found, more = {name}, True
    while more:
        new = {module for module, of in uses.items() if of & found} - found
        found |= new
        more = bool(new)
    return frozenset(found)


@cache
def stands_on(signal: str) -> frozenset[str]:
    """Modules from which Signals takes this signal, those of signals it asks for as well."""
    source = inspect.getsource(vars(Signals)[signal].func)
    found = {f"loadlab.signals.{each}" for each in re.findall(r"(\w+)\.\w+\(self\._recording", source)}
    if "measured(self" in source:
        found.add("loadlab.signals.windows")
    if not found:
        raise ValueError(f"Signals.{signal}: where it comes from cannot be read")
    return frozenset(found).union(*(stands_on(each) for each in re.findall(r"self\.([a-z]\w*)", source)))


def carried(each: Known, touched: frozenset[str]) -> Signals:
    """Its signals, without those that stand on what was touched: they are computed anew, from a copy of the recording,
    of which nothing else is remembered."""
    if not any(name.startswith("loadlab.signals.") for name in touched):
        return each.signals
    recording = copy.copy(each.recording)
    for remembered in (cpu.compute, stations.compute, threads.of_measured_window):
        if remembered.__module__ not in touched:
            remembered.carry(each.recording, recording)
    signals = Signals(recording)
    for name, value in vars(each.signals).items():
        if not name.startswith("_") and not stands_on(name) & touched:
            vars(signals)[name] = value
    return signals


def verdict(recording: Recording, signals: Signals | None, case: Case | None) -> tuple[tuple[Any, ...], bool]:
    """What is said, as far as it is compared; whether it is right, where the truth is known."""
    found = document(diagnose(recording, signals))
    first = found["bottleneck"] or {}
    others = tuple(sorted(each["kind"] for each in found["others"]))
    said = (found["outcome"], first.get("kind"), first.get("service"), others)
    return said, case is not None and not judge(case, found).wrong


def said(moved: int, lost: int) -> str:
    """For the table."""
    return "-" if not moved else f"{moved} moved" + (f", {lost} lost" if lost else "")


if __name__ == "__main__":
    sys.exit(main())
