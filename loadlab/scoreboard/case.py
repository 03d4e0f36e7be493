"""A system whose true bottleneck is known: a folder with a loadlab.toml and an expected.toml
(sample_apps/faults/README.md explains its fields):

    outcome = "bottleneck"              # or "none"
    kind = "event_loop_blocked"         # acceptable_kinds = [...]: answers that are as true
    service = "quotes"                  # acceptable_services; instance = 1 where one of several is to blame
    function = "latest"                 # acceptable_functions; file = "rates.py"; line = "the text of the line"
    says = "70"                         # words the sentence or the evidence must hold
    also = [{ kind = ..., service = ... }]     # further findings that must be there
    fix = { replace = ..., by = ... }          # the change in loadlab.toml that takes the fault away
    binds = { metric = ..., before = ..., after = ..., how = ... }      # what that change did, measured
"""

from __future__ import annotations

import ast
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path, PurePath

from loadlab.errors import SpecError
from loadlab.spec import places

MINIFIED = 400
"""Letters in a line from which on nobody wrote it: the whole of it is the line."""
SEED = 'LOADLAB_SEED = "1"'
KEPT_OUT = shutil.ignore_patterns("__pycache__", "runs")
STACKS = ("aiohttp", "django", "fastapi", "flask", "gevent", "sanic", "starlette", "tornado")
SERVERS = ("gunicorn", "hypercorn", "uvicorn", "waitress")
IMPORT = re.compile(rf"^\s*(?:import|from)\s+({'|'.join((*STACKS, *SERVERS))})\b", re.MULTILINE)
COMMAND = re.compile(rf'"({"|".join(SERVERS)})"')


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


PROGRAM = re.compile(r"^[\w.+-]+$")
"""A command's first word that is looked for on PATH: no path, and nothing that loadlab puts in."""
LANGUAGES = {
    ".js": "node", ".mjs": "node", ".cjs": "node", ".ts": "node", ".java": "java", ".go": "go", ".php": "php",
    ".cpp": "cpp", ".rs": "rust",
}  # fmt: skip
SCRIPT_BEFORE = r"(?:(?:async|static|function)\s*\*?\s*)*"
BEFORE = {
    ".java": r"(?:[\w.<>\[\]]+\s+)+",
    ".go": r"func\s+(?:\([^)]*\)\s*)?",
    ".cpp": r"(?:__attribute__\(\(\w+\)\)\s+)?(?:[\w:<>*&]+\s+)+",
    ".rs": r"(?:pub\s+)?(?:async\s+)?fn\s+",
}
"""What stands before the name of a function where it is defined; of other languages SCRIPT_BEFORE."""


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
    def is_control(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.outcome == "none"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that is true of it, the first one first."""
        return tuple(dict.fromkeys((self.kind, *self.acceptable_kinds, *(each.kind for each in self.also))))

    @cached_property
    def stacks(self) -> tuple[str, ...]:
        """What it is written in and run by, as its sources say: ("flask", "gunicorn"), ("node",), ("plain",)."""
        files = [each for each in self.folder.rglob("*") if "node_modules" not in each.parts]
        found = {LANGUAGES[each.suffix] for each in files if each.suffix in LANGUAGES}
        for each in files:
            if each.suffix == ".py":
                found |= set(IMPORT.findall(each.read_text(encoding="utf-8")))
            elif each.name == "loadlab.toml":
                found |= set(COMMAND.findall(each.read_text(encoding="utf-8")))
        return tuple(sorted(found)) or ("plain",)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Programs that its commands call and this machine does not have, by name."""
        services = tomllib.loads((self.folder / "loadlab.toml").read_text(encoding="utf-8"))["service"]
        called = {each[key][0] for each in services for key in ("setup", "command") if each.get(key)}
        return tuple(sorted(each for each in called if PROGRAM.match(each) and shutil.which(each) is None))

    @property
    def is_seeded(self) -> bool:
        """Whether its constants can be drawn anew. An arrangement of the shop lives off the folder beside it."""
        return self.is_movable and SEED in (self.folder / "loadlab.toml").read_text(encoding="utf-8")

    @property
    def is_movable(self) -> bool:
        """Whether a copy of the folder runs elsewhere."""
        return self.folder.parent != places.samples()

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
        text = self.source.read_text()
        if not self.file.endswith(".py"):
            return self._laid_out_lines(text.splitlines())
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
        if self.line:
            first, lines = self.line.splitlines()[0], text.splitlines()
            nodes = [node for node in nodes if first in lines[node.lineno - 1]]
            nodes = [node for node in nodes if (ast.get_source_segment(text, node) or "") == self.line]
        else:
            nodes = [node for node in nodes if getattr(node, "name", None) == self.function]
        if len(nodes) != 1:
            raise ValueError(f"{self.name}: {self.line or self.function!r} stands {len(nodes)} times in {self.file}")
        return range(nodes[0].lineno, (nodes[0].end_lineno or nodes[0].lineno) + 1)

    def _laid_out_lines(self, lines: list[str]) -> range:
        """The same for other languages laid out as people do: a function ends where its indentation comes back."""
        if self.line:
            starts = [at for at, each in enumerate(lines) if each.strip() == self.line]
        else:
            before = BEFORE.get(PurePath(self.file).suffix, SCRIPT_BEFORE)
            begins = re.compile(rf"^\s*{before}{re.escape(self.function)}\(.*\{{$")
            starts = [at for at, each in enumerate(lines) if begins.match(each) or len(each) > MINIFIED]
        if len(starts) != 1:
            wanted = self.line or self.function
            raise ValueError(f"{self.name}: {wanted!r} stands {len(starts)} times in {self.file}")
        first = starts[0]
        indent = re.match(r"\s*", lines[first])
        closing = f"{indent[0] if indent else ''}}}"
        ends = (at for at in range(first + 1, len(lines)) if lines[at].startswith(closing))
        return range(first + 1, (first if self.line else next(ends, first)) + 2)

    def text(self, *, fixed: bool = False, seed: int = 1) -> str:
        """Its loadlab.toml, mended, or with its constants drawn anew."""
        text = (self.folder / "loadlab.toml").read_text(encoding="utf-8")
        if fixed:
            if self.fix is None:
                raise ValueError(f"{self.name} has no [fix]")
            text = text.replace(self.fix.replace, self.fix.by)
        return text.replace(SEED, SEED.replace("1", str(seed)))

    def copy_to(self, target: Path, *, fixed: bool = False, seed: int = 1) -> Path:
        """Copies a fault or an app below `target`, its loadlab.toml as `text` gives it; returns the folder."""
        folder = target / self.folder.name
        shutil.copytree(self.folder, folder, ignore=KEPT_OUT)
        for shared in self.folder.parent.glob("*.py"):
            shutil.copy(shared, target)
        (folder / "loadlab.toml").write_text(self.text(fixed=fixed, seed=seed), encoding="utf-8")
        return folder


def read_case(folder: Path) -> Case:
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


def everywhere() -> tuple[Path, ...]:
    """Where cases lie: the samples, their faults, and in a checkout the apps of other stacks."""
    samples = places.samples()
    others = samples.parent / "tests" / "end_to_end" / "apps"
    return (samples, samples / "faults", *([others] if others.is_dir() else []))


def find(folders: Iterable[Path] | None = None) -> list[Case]:
    """All cases below some folders, by default everywhere. Raises SpecError with every one that cannot be read."""
    found, problems = [], []
    for folder in everywhere() if folders is None else folders:
        for path in sorted(folder.glob("*/expected.toml")):
            try:
                found.append(read_case(path.parent))
            except (ValueError, OSError) as error:
                problems.append(str(error))
    if problems:
        raise SpecError(problems)
    return found


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
