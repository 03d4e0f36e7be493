"""`loadlab units`: all that loadlab knows, from the docstrings."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated

import typer

from loadlab.cli import _terminal
from loadlab.cli.explain import FAMILIES, title
from loadlab.errors import UsageError

ABOUT = {
    "rules": "kinds of bottlenecks, and what judges the measurement",
    "probes": "what is watched",
    "services": "what can be started",
}
BRANCHES = {
    "cpu": "CPU",
    "memory": "Memory",
    "database": "Database",
    "network": "Network",
    "server_limit": "Limits of the server",
    "code": "Code: no scaling helps",
    "none": "Nothing",
    "measurement": "The measurement itself",
}


def units(
    family: Annotated[str | None, typer.Argument(help="rules, probes or services; default: all.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The page docs/kinds.md.")] = False,
) -> None:
    """List what loadlab knows: rules, probes, services.

    loadlab units                 all of them
    loadlab units rules           the kinds of bottlenecks
    loadlab explain single_core   more about one
    """
    if family is not None and family not in FAMILIES:
        from loadlab.spec.problem import meant

        raise UsageError(f'"{family}": there is no such family{meant(family, FAMILIES)}')
    if markdown:
        _terminal.say(kinds_page().rstrip("\n"))
        return
    for each in FAMILIES if family is None else (family,):
        _show(each)


def _show(family: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from loadlab import catalogue

    console = _terminal.out()
    known = catalogue.units(family)
    if not console.is_terminal:
        for name, unit in known.items():
            _terminal.say(f"{family}  {name}  {title(unit)}", console)
        return
    table = Table.grid(padding=(0, 2))
    for name, unit in known.items():
        table.add_row(Text(name, "bold"), Text(unit.BRANCH if family == "rules" else "", "dim"), Text(title(unit)))
    console.print(Text.assemble((family, "bold cyan"), (f"  {ABOUT[family]}", "dim")))
    console.print(table)
    console.print()


def kinds_page() -> str:
    """docs/kinds.md: each rule's docstring, by branch of the decision tree."""
    from loadlab import catalogue

    known = catalogue.units("rules")
    parts = [
        "# The kinds of bottleneck\n",
        "Written by `loadlab units --markdown` from the rules themselves. `loadlab explain KIND` prints one of them.\n",
    ]
    for branch, heading in BRANCHES.items():
        mine = {name: unit for name, unit in known.items() if branch == unit.BRANCH}
        if mine:
            parts.append(f"## {heading}\n")
            parts += [_section(name, unit) for name, unit in mine.items()]
    return "\n".join(parts)


def _section(name: str, unit: ModuleType) -> str:
    from loadlab.catalogue import sections
    from loadlab.cli.explain import HEADINGS

    found = sections(unit)
    lines = [f"### `{name}`: {title(unit)[:1].lower()}{title(unit)[1:]}\n"]
    lines += [
        f"**{HEADINGS.get(heading, heading)}.** {body}\n" for heading, body in found.items() if heading != "Title"
    ]
    lines.append(f"In `verdict.json`: branch `{unit.BRANCH}`, step `{unit.STEP}`.\n")
    return "\n".join(lines)
