"""Systems whose true bottleneck is known, and how a verdict is held against the truth.

A case is a folder with a loadlab.toml and an expected.toml (sample_apps/faults/README.md explains its fields):

    outcome = "bottleneck"              # or "none"
    kind = "event_loop_blocked"         # acceptable_kinds = [...]: answers that are as true
    service = "quotes"                  # acceptable_services; instance = 1 where one of several is to blame
    function = "latest"                 # acceptable_functions; file = "rates.py"; line = "the text of the line"
    says = "70"                         # words the sentence or the evidence must hold
    also = [{ kind = ..., service = ... }]     # further findings that must be there
    fix = { replace = ..., by = ... }          # the change in loadlab.toml that takes the fault away
    binds = { metric = ..., before = ..., after = ..., with = ... }      # what that change did, measured
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT / "sample_apps", ROOT / "sample_apps" / "faults", ROOT / "tests" / "end_to_end" / "apps")
SEED = 'LOADLAB_SEED = "1"'


@dataclass(frozen=True)
class Also:
    """A second finding that must be among the first or the others."""

    kind: str
    service: str


@dataclass(frozen=True)
class Fix:
    """Text of loadlab.toml, and what takes its place, so that the fault is gone."""

    replace: str
    by: str


@dataclass(frozen=True)
class Binds:
    """A metric with the fault and without it. `how` says by which load it was measured."""

    metric: str
    before: float
    after: float
    how: str

    @property
    def change(self) -> float:
        """How much taking the fault away changes the metric, as a share of the smaller figure (at least 1 of it)."""
        low, high = sorted((self.before, self.after))
        return (high - low) / max(low, 1.0)


@dataclass(frozen=True)
class Case:
    """One system and its truth."""

    name: str
    folder: Path
    outcome: str
    kind: str = ""
    acceptable_kinds: tuple[str, ...] = ()
    service: str = ""
    acceptable_services: tuple[str, ...] = ()
    instance: int | None = None
    function: str = ""
    acceptable_functions: tuple[str, ...] = ()
    file: str = ""
    line: str = ""
    says: str = ""
    also: tuple[Also, ...] = ()
    fix: Fix | None = None
    binds: Binds | None = None

    @property
    def source(self) -> Path:
        """The file with the line to blame. Raises FileNotFoundError."""
        found = next(
            (each for each in (self.folder / self.file, self.folder.parent / self.file) if each.is_file()), None
        )
        if found is None:
            raise FileNotFoundError(f"{self.name}: no {self.file} here or one folder above")
        return found

    def lines(self) -> range:
        """The lines a verdict may point at: those of the statement `line`, else of the whole function, else none."""
        if not self.file.endswith(".py"):
            return range(0)
        text = self.source.read_text()
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
        if self.line:
            nodes = [node for node in nodes if (ast.get_source_segment(text, node) or "") == self.line]
        else:
            nodes = [node for node in nodes if getattr(node, "name", None) == self.function]
        if len(nodes) != 1:
            raise ValueError(f"{self.name}: {self.line or self.function!r} stands {len(nodes)} times in {self.file}")
        return range(nodes[0].lineno, (nodes[0].end_lineno or nodes[0].lineno) + 1)

    def copy_to(self, target: Path, *, fixed: bool = False, seed: int = 1) -> Path:
        """Copies a fault or an app below `target`, mended, or with its constants drawn anew; returns the folder."""
        folder = target / self.folder.name
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for shared in self.folder.parent.glob("*.py"):
            shutil.copy(shared, target)
        text = (folder / "loadlab.toml").read_text()
        if fixed:
            if self.fix is None:
                raise ValueError(f"{self.name} has no [fix]")
            text = text.replace(self.fix.replace, self.fix.by)
        (folder / "loadlab.toml").write_text(text.replace(SEED, SEED.replace("1", str(seed))))
        return folder


def load(folder: Path) -> Case:
    """The case in a folder. Raises ValueError for fields that are unknown or do not fit together."""
    raw = tomllib.loads((folder / "expected.toml").read_text())
    unknown = set(raw) - {each.name for each in fields(Case)} | {"name", "folder"} & set(raw)
    if unknown:
        raise ValueError(f"{folder.name}/expected.toml: unknown {', '.join(sorted(unknown))}")
    for key in ("acceptable_kinds", "acceptable_services", "acceptable_functions"):
        raw[key] = tuple(raw.get(key, ()))
    raw["also"] = tuple(Also(**each) for each in raw.get("also", ()))
    raw["fix"] = Fix(**raw["fix"]) if "fix" in raw else None
    raw["binds"] = Binds(**raw["binds"]) if "binds" in raw else None
    case = Case(name=folder.name, folder=folder, **raw)
    problems = list(_inconsistent(case))
    if problems:
        raise ValueError(f"{folder.name}/expected.toml: {'; '.join(problems)}")
    return case


def cases() -> list[Case]:
    """All cases: the samples, the faults, the apps of other stacks."""
    return [load(found.parent) for place in PLACES for found in sorted(place.glob("*/expected.toml"))]


def parameters() -> list[Any]:
    """All cases for pytest.mark.parametrize, marked e2e."""
    return [pytest.param(case, id=case.name, marks=pytest.mark.e2e) for case in cases()]


def mismatches(case: Case, verdict: Mapping[str, Any]) -> list[str]:
    """What in a verdict (the content of verdict.json) is not as expected, in words; empty if all is."""
    if verdict["outcome"] != case.outcome:
        return [f"outcome is {verdict['outcome']}, not {case.outcome}: {verdict.get('sentence')}"]
    finding, others = verdict.get("bottleneck"), verdict.get("others", [])
    if case.outcome == "none":
        return [f"invented {each['kind']} in {each['service']}" for each in (finding, *others) if each is not None]
    if finding is None:
        return ["outcome is bottleneck, but none is named"]
    return [
        *_what_is_wrong(case, finding),
        *_line_is_wrong(case, finding.get("where")),
        *_missing(case, finding, others),
    ]


def _what_is_wrong(case: Case, finding: Mapping[str, Any]) -> Iterator[str]:
    if finding["kind"] not in (case.kind, *case.acceptable_kinds):
        yield f"kind is {finding['kind']}, not {case.kind}"
    if finding["service"] not in (case.service, *case.acceptable_services):
        yield f"service is {finding['service']}, not {case.service}"
    if case.instance is not None and finding.get("instance") != case.instance:
        yield f"instance is {finding.get('instance')}, not {case.instance}"
    if case.says and not re.search(
        rf"\b{re.escape(case.says)}\b", json.dumps([finding.get("sentence"), finding.get("evidence")])
    ):
        yield f"neither the sentence nor the evidence says {case.says!r}"


def _line_is_wrong(case: Case, where: Mapping[str, Any] | None) -> Iterator[str]:
    if not case.function:
        return
    if where is None:
        yield f"no line is named, not even {case.function}() in {case.file}"
        return
    if where["function"].rsplit(".", 1)[-1] not in (case.function, *case.acceptable_functions):
        yield f"function is {where['function']}, not {case.function}"
    if PurePosixPath(where["file"]).parts[-len(PurePosixPath(case.file).parts) :] != PurePosixPath(case.file).parts:
        yield f"file is {where['file']}, not {case.file}"
    elif where["line"] not in case.lines() and where["function"] == case.function:
        yield f"line is {where['line']}, not in {case.lines().start}..{case.lines().stop - 1}"


def _missing(case: Case, finding: Mapping[str, Any], others: list[Mapping[str, Any]]) -> Iterator[str]:
    found = {(each["kind"], each["service"]) for each in (finding, *others)}
    for also in case.also:
        if (also.kind, also.service) not in found:
            yield f"{also.kind} in {also.service} was not found as well"


def _inconsistent(case: Case) -> Iterator[str]:
    """What in an expected.toml contradicts itself or the system beside it."""
    text = (case.folder / "loadlab.toml").read_text()
    services = {each["name"] for each in tomllib.loads(text)["service"]}
    if case.outcome not in ("bottleneck", "none"):
        yield f"outcome {case.outcome!r}"
    if (case.outcome == "bottleneck") != bool(case.kind and case.service):
        yield "kind and service belong to the outcome bottleneck, and to it only"
    for name in (case.service, *case.acceptable_services, *(also.service for also in case.also)):
        if name and name not in services:
            yield f"no service {name!r} in loadlab.toml"
    if bool(case.function) != bool(case.file):
        yield "function and file go together"
    elif case.function:
        case.lines()
    if case.fix is not None and text.count(case.fix.replace) != 1:
        yield f"fix.replace {case.fix.replace!r} does not stand in loadlab.toml exactly once"
