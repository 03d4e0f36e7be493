"""`loadlab explain`: a kind of bottleneck, or any other unit, from its docstring."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated

import typer

from loadlab.cli import _terminal
from loadlab.errors import UsageError

HEADINGS = {"Not": "Not to be confused with", "Python": "In Python", "Node": "In Node"}
"""Sections whose names in a docstring are shorter than what they say."""

MOST_SAMPLES = 3
FAULTS = "faults/"
"""Samples made for just one kind come first."""

FAMILIES = ("rules", "probes", "services")
"""In the order in which a name is looked up: kinds of bottlenecks come first."""


def explain(kind: Annotated[str, typer.Argument(help="As in a verdict or in `loadlab units`.")]) -> None:
    """Explain a kind of bottleneck: what it is, why it limits, how to mend it.

    loadlab explain single_core
    loadlab explain process       a probe: what it reads
    loadlab explain nginx         a service: what can be set
    """
    family, unit = find(kind)
    from rich.text import Text

    from loadlab.catalogue import sections

    console = _terminal.out()
    found = dict(sections(unit))
    details = "\n".join(found.pop("Title").splitlines()[1:]).strip()
    _terminal.say(Text.assemble((unit.__name__.rsplit(".", 1)[-1], "bold"), f"  {title(unit)}", "\n"), console)
    for heading, body in {"": details, **found}.items():
        if body:
            _terminal.say(
                Text.assemble((f"{HEADINGS.get(heading, heading)}: " if heading else "", "bold"), body, "\n"), console
            )
    for label, value in facts(family, unit):
        _terminal.say(Text.assemble((f"{label}: ", "dim"), value), console)


def find(kind: str) -> tuple[str, ModuleType]:
    """(family, unit). `single-core` will do for single_core. Raises UsageError with the nearest name."""
    from loadlab.catalogue import units
    from loadlab.spec.problem import nearest

    wanted = kind.strip().lower().replace("-", "_")
    names: list[str] = []
    for family in FAMILIES:
        known = units(family)
        if wanted in known:
            return family, known[wanted]
        names += known
    guess = nearest(wanted, names)
    meant = f"did you mean {guess}? " if guess else ""
    raise UsageError(f'"{kind}": there is no such kind; {meant}`loadlab units` lists all')


def title(unit: ModuleType) -> str:
    """The first line of its docstring."""
    return (unit.__doc__ or "").strip().splitlines()[0].rstrip(".")


def samples(kind: str) -> list[str]:
    """Sample systems whose true answer is this kind, as their expected.toml says."""
    import tomllib

    from loadlab.spec import places

    found = []
    for name, path in places.sample_files().items():
        truth = path.with_name("expected.toml")
        if truth.is_file() and tomllib.loads(truth.read_text(encoding="utf-8")).get("kind") == kind:
            found.append(name)
    return sorted(found, key=lambda each: not each.startswith(FAULTS))


def facts(family: str, unit: ModuleType) -> list[tuple[str, str]]:
    """What the docstring need not say."""
    if family == "rules":
        needs = [*unit.NEEDS, *(f"{each} (where there is one)" for each in unit.USES)]
        tries = [("try it", f"loadlab run {each}") for each in samples(unit.__name__.rsplit(".", 1)[-1])[:MOST_SAMPLES]]
        judged = ("judged from", ", ".join(needs) or "everything else")
        return [("branch", unit.BRANCH), ("step", unit.STEP), judged, *tries]
    if family == "probes":
        columns = [f"{each.name} ({each.unit}): {each.says}" for each in unit.METRICS]
        return [("every", f"{unit.INTERVAL_S:g} s, for each {unit.ENTITY}"), *(("records", each) for each in columns)]
    return [("role", unit.ROLE)]
