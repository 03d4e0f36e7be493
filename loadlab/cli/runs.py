"""`loadlab runs`: the recordings there are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from loadlab.cli import _recordings, _terminal
from loadlab.cli._options import RUNS, Json, Runs

NOT_JUDGED = "not judged yet: loadlab diagnose "


def runs(runs: Runs = RUNS, as_json: Json = False) -> None:
    """List recordings, the newest last, with what each found.

    loadlab runs                       those in runs/
    loadlab runs --runs /var/loadlab   those somewhere else
    """
    found = [_described(each) for each in _recordings.all_of(runs)]
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        return
    if not found:
        _terminal.say(f"{runs}: there are no recordings; `loadlab run` makes one", _terminal.err())
        return
    _show(found)


def _described(folder: Path) -> dict[str, Any]:
    """Name, system, start, and the verdict where there is one. A broken file is said, not hidden."""
    meta, verdict = _load(folder / "run.json"), _load(folder / "verdict.json")
    sentence = verdict.get("sentence") or (
        "cannot be read: run.json is damaged" if not meta else NOT_JUDGED + folder.name
    )
    return {
        "name": folder.name,
        "system": meta.get("name"),
        "started_at": meta.get("started_at"),
        "outcome": verdict.get("outcome"),
        "kind": (verdict.get("bottleneck") or {}).get("kind"),
        "requests_per_s": (verdict.get("capacity") or {}).get("requests_per_s"),
        "sentence": sentence,
    }


def _load(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _show(found: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = _terminal.out()
    if not console.is_terminal:
        for each in found:
            _terminal.say(f"{each['name']}  {_rate(each)}  {each['sentence']}", console)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("recording", no_wrap=True)
    table.add_column("requests/s", justify="right", no_wrap=True)
    table.add_column("what it found", overflow="fold")
    for each in found:
        table.add_row(each["name"], _rate(each), Text(each["sentence"], "dim" if each["outcome"] is None else ""))
    console.print(table)


def _rate(run: dict[str, Any]) -> str:
    rate = run["requests_per_s"]
    return "-" if rate is None else f"{rate:.0f}"
