"""Every command in README and docs: the quick ones are run, the others are parsed as the command line would, and make
targets and pip extras have to exist. TOML and JSON in the docs is what loadlab reads and writes."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer.main

from loadlab import catalogue, cli
from loadlab.diagnosis.model import GRADES, OUTCOMES
from loadlab.errors import (
    EXIT_INVALID_RUN,
    EXIT_LIMIT_FAILED,
    EXIT_OK,
    Interrupted,
    ServiceError,
    UsageError,
)
from loadlab.spec import read
from tests.cli.conftest import Invoke
from tests.cli.fake import Flow

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMPARE = frozenset({"ladder", "--try-remedy", "worker"})
"""Words of commands that read what a real flow recorded of several systems, or wait for another host: those are only
parsed."""
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block of a language."""
    return [
        (str(page.relative_to(ROOT)), found[2])
        for page in PAGES
        for found in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if found[1] == language
    ]


def commands() -> list[tuple[str, tuple[str, ...]]]:
    """(page, words) of every line in a block of shell, without its comment and where its output goes."""
    lines = [(page, line) for page, text in blocks("sh") for line in text.splitlines() if line.strip()]
    found = [(page, shlex.split(line, comments=True)) for page, line in lines]
    return [(page, tuple(words[: words.index(">")] if ">" in words else words)) for page, words in found if words]


def of(program: str, without: frozenset[str] = frozenset()) -> pytest.MarkDecorator:
    """One test for each command of a program, but for those with a word of `without`."""
    found = list(dict.fromkeys(words for _, words in commands() if words[0] == program and not without & set(words)))
    return pytest.mark.parametrize("words", found, ids=" ".join)


def test_the_docs_use_no_other_program() -> None:
    assert {words[0] for _, words in commands()} <= {"make", "pip", "loadlab", "python"}


@of("python")
def test_scripts_of_the_docs_exist_and_know_their_words(words: tuple[str, ...]) -> None:
    """Those of benchmarks/, which measure for minutes: options and names of cases stand in their source. A recording
    is named by a sample, and its series by their probe."""
    script = (ROOT / words[1]).read_text(encoding="utf-8")
    probes, samples = catalogue.units("probes"), {each.parent.name for each in (ROOT / "sample_apps").glob("*/*.toml")}
    for word in words[2:]:
        quoted = word.removeprefix("without-") if word.startswith("without-") else word
        named = word.lstrip("@").partition(".")[0] in {*probes, "scaler"} or word in samples
        path = "/" in word or word == "runs" or word.isdigit()
        assert named or path or f'"{quoted}"' in script or f"def {quoted}(" in script, (words[1], word)


@of("loadlab")
def test_the_command_line_takes_every_command_of_the_docs(words: tuple[str, ...]) -> None:
    """Parsed, not run: unknown options, wrong types and missing values would raise."""
    group = typer.main.get_command(cli.app)
    with group.make_context("loadlab", list(words[1:]), resilient_parsing=False) as context:
        name, command, rest = group.resolve_command(context, list(words[1:]))  # type: ignore[attr-defined]
        assert command is not None
        command.make_context(name, rest, parent=context)


@of("loadlab", without=COMPARE)
def test_quick_commands_of_the_docs_do_what_they_say(words: tuple[str, ...], invoke: Invoke, flow: Flow) -> None:
    """Those that load something run against a flow that measures nothing."""
    if words[1] in ("diagnose", "report"):
        assert invoke("run", "single", "-q").exit_code == 0
    if words[1] == "init":
        Path("app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    if words[1] == "report":
        words = tuple(each for each in words if each != "--open")
    done = invoke(*words[1:])
    assert done.exit_code == 0, done.output


@of("make")
def test_every_make_target_of_the_docs_exists(words: tuple[str, ...]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in words[1:]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_extras_named_in_the_docs_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {each for page in PAGES for each in re.findall(r"'\.\[(\w+)\]'", page.read_text())}
    assert named and named <= set(project["optional-dependencies"])


@pytest.mark.parametrize(("page", "text"), [each for each in blocks("toml") if "[[service]]" in each[1]])
def test_every_system_in_the_docs_is_one(page: str, text: str, folder: Path) -> None:
    for name in ("users.py", "server.js", "app.py", "schema.sql"):
        (folder / name).write_text("")
    (folder / "loadlab.toml").write_text(text)
    assert read.system(folder / "loadlab.toml").name == "orders-api"


@pytest.mark.parametrize(("page", "text"), [each for each in blocks("toml") if "shape" in each[1]])
def test_every_profile_in_the_docs_is_one(page: str, text: str, folder: Path) -> None:
    (folder / "mine.toml").write_text(text)
    profile = read.profile("mine.toml", folder)
    assert profile.endpoint_limits["GET /orders"].p99_ms == 250


@pytest.mark.parametrize(("page", "text"), blocks("json"))
def test_the_verdict_in_the_docs_has_words_that_exist(page: str, text: str) -> None:
    verdict = json.loads(text)
    rules = catalogue.units("rules")
    assert verdict["outcome"] in OUTCOMES
    assert verdict["bottleneck"]["grade"] in GRADES
    assert verdict["bottleneck"]["branch"] == rules[verdict["bottleneck"]["kind"]].BRANCH
    assert set(verdict["clear"]) <= set(rules)
    assert {each["kind"] for each in verdict["unknown"]} <= set(rules)


@pytest.mark.parametrize("page", ["README.md", "docs/formats.md"])
def test_the_table_of_exit_codes_is_the_one_in_the_code(page: str) -> None:
    text = (ROOT / page).read_text()
    listed = {int(each) for each in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert listed == {
        EXIT_OK,
        UsageError.exit_code,
        ServiceError.exit_code,
        EXIT_INVALID_RUN,
        EXIT_LIMIT_FAILED,
        Interrupted.exit_code,
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [each for each in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in each]
    missing = [each for each in targets if not (page.parent / each).exists()]
    assert not missing


def test_profiles_named_in_help_and_docs_exist() -> None:
    for name in ("ramp", "constant", "smoke", "soak", "ci"):
        assert (ROOT / "profiles" / f"{name}.toml").is_file()
