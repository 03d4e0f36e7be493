"""The laws every unit obeys, whatever its family; and that a malformed one is refused, loudly."""

from __future__ import annotations

import importlib
import inspect
import typing
from pathlib import Path
from types import ModuleType

import pytest

import loadlab
from loadlab import catalogue
from loadlab.errors import CatalogueError
from loadlab.recording.model import Entity, Metric
from loadlab.spec.model import Role
from tests.sources import FAMILIES, units

BRANCHES = {"cpu", "memory", "database", "network", "server_limit", "code", "measurement", "none"}


def _all(*families: str) -> pytest.MarkDecorator:
    """One test for each unit of these families, found without importing any."""
    found = [(family, path.stem) for family, path in units() if family in families]
    return pytest.mark.parametrize(("family", "name"), found, ids=str)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_loads_and_says_what_its_units_have(family: str) -> None:
    package = importlib.import_module(f"loadlab.{family}")
    assert package.UNIT
    assert package.__doc__
    assert catalogue.units(family)


@_all(*FAMILIES)
def test_every_unit_says_what_it_is(family: str, name: str) -> None:
    unit = catalogue.units(family)[name]
    assert unit.__doc__ and len(unit.__doc__.strip()) > 20
    assert all(hasattr(unit, each) for each in importlib.import_module(f"loadlab.{family}").UNIT)


@_all("rules")
def test_a_rule_is_its_own_page_in_the_docs(family: str, name: str) -> None:
    sections = catalogue.sections(catalogue.units(family)[name])
    for heading in ("What", "Why", "Fix"):
        assert len(sections.get(heading, "")) > 20, f"{name} has no {heading}:"


@_all("rules")
def test_a_rule_teaches_its_look_alikes_and_what_to_do_in_both_languages(family: str, name: str) -> None:
    """What judges the measurement itself has nothing to be done in the application."""
    rule = catalogue.units(family)[name]
    sections = catalogue.sections(rule)
    judges = rule.BRANCH in ("measurement", "none")
    assert [each for each in ("Not", "Python", "Node") if each in sections] == (
        ["Not"] if judges else ["Not", "Python", "Node"]
    )
    assert all(len(sections[each]) > 20 for each in ("Not", "Python", "Node") if each in sections)


@_all("rules")
def test_a_rule_declares_its_place_and_its_needs(family: str, name: str) -> None:
    unit = catalogue.units(family)[name]
    assert unit.BRANCH in BRANCHES
    assert isinstance(unit.STEP, str)
    assert isinstance(unit.RANK, int)
    assert isinstance(unit.AT_LIMIT, bool)
    assert all(isinstance(each, str) for each in (*unit.NEEDS, *unit.USES))
    assert not set(unit.NEEDS) & set(unit.USES), "what a rule cannot do without it need not list twice"
    assert len(inspect.signature(unit.check).parameters) == 1


@_all("probes")
def test_a_probe_describes_its_columns(family: str, name: str) -> None:
    unit = catalogue.units(family)[name]
    names = [each.name for each in unit.METRICS]
    assert f'"{unit.ENTITY}"' in (Entity.__doc__ or ""), "the recording's model names every kind of entity"
    assert unit.INTERVAL_S > 0
    assert names and len(names) == len(set(names))
    for metric in unit.METRICS:
        assert isinstance(metric, Metric)
        assert metric.kind in ("counter", "gauge")
        assert metric.unit and metric.says
    assert next(iter(inspect.signature(unit.open).parameters)).lstrip("_") == "targets"


@_all("services")
def test_a_service_plans_and_checks(family: str, name: str) -> None:
    unit = catalogue.units(family)[name]
    assert unit.ROLE in typing.get_args(Role)
    assert list(inspect.signature(unit.check).parameters) == ["service", "spec"]
    assert list(inspect.signature(unit.plan).parameters) == ["service", "names"]


@_all("spec.checks")
def test_a_check_of_a_spec_has_the_signature_of_its_family(family: str, name: str) -> None:
    unit = catalogue.units(family)[name]
    assert list(inspect.signature(unit.check).parameters) == ["spec", "source", "services"]


def _family(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, **texts: str) -> str:
    """A family of its own, made of these modules."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text('UNIT = ("LIMIT", "check")\n')
    for module, text in texts.items():
        (package / f"{module}.py").write_text(text)
    monkeypatch.setattr(loadlab, "__path__", [*loadlab.__path__, str(folder)])
    return name


def test_a_unit_that_lacks_something_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = _family(tmp_path, "lacking", monkeypatch, good="LIMIT = 1\ndef check(): ...\n", bad="def check(): ...\n")
    with pytest.raises(CatalogueError, match=r"lacking/bad\.py lacks LIMIT"):
        catalogue.units(family)


def test_a_unit_that_does_not_import_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = _family(tmp_path, "broken", monkeypatch, bad="import no_such_module\n")
    with pytest.raises(CatalogueError, match=r"broken/bad\.py does not import: .*no_such_module"):
        catalogue.units(family)


def test_private_modules_are_no_units_and_the_rest_is_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = "LIMIT = 1\ndef check(): ...\n"
    family = _family(tmp_path, "sorted_family", monkeypatch, zebra=good, ant=good, _loop="import no_such_module\n")
    assert list(catalogue.units(family)) == ["ant", "zebra"]


def test_sections_of_a_docstring_are_found_and_their_lines_joined() -> None:
    module = ModuleType("unit", "One core.\n\nWhat: one core\n  is full.\n\nWhy: it is.\n\nFix: add one.\n")
    assert catalogue.sections(module) == {
        "Title": "One core.", "What": "one core is full.", "Why": "it is.", "Fix": "add one.",
    }  # fmt: skip
