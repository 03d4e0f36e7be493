"""`loadlab check`: can this machine measure, and what would mend it?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from loadlab.cli import _terminal
from loadlab.cli._options import Json
from loadlab.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from loadlab.cli._checks import Check

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "missing": ("✗", "bold red")}


def check(as_json: Json = False) -> None:
    """Tell whether this machine can measure, and what would mend it.

    loadlab check
    loadlab check --json

    Exit code 0 where runs are possible, warnings or not; 2 where something is
    missing that they cannot do without.
    """
    from loadlab.cli import _checks

    found = list(_checks.look())
    if as_json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=1, ensure_ascii=False) + "\n")
    else:
        _show(found)
    raise typer.Exit(UsageError.exit_code if any(each.state == _checks.MISSING for each in found) else EXIT_OK)


def _show(found: list[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = _terminal.out()
    if not console.is_terminal:
        for each in found:
            _terminal.say(
                f"{each.state:8}{each.name}: {each.says}" + (f"; mend it with: {each.mend}" if each.mend else ""),
                console,
            )
    else:
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for each in found:
            mark, style = MARKS[each.state]
            text = Text(each.says, "" if each.state == "ok" else style)
            if each.mend:
                text.append(f"\n{each.mend}", "bold")
            table.add_row(Text(mark, style), Text(each.name, "bold"), text)
        console.print(table)
    _terminal.say(_sum(found), console)


def _sum(found: list[Check]) -> str:
    missing = [each.name for each in found if each.state == "missing"]
    warnings = [each.name for each in found if each.state == "warning"]
    if missing:
        return f"This machine cannot measure: {', '.join(missing)}."
    if warnings:
        return f"This machine can measure; {', '.join(warnings)} would make it better."
    return "This machine can measure."
