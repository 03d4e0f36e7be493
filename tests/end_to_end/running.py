"""Runs a case as a user would, and holds the verdict against the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from loadlab.cli._cases import disturbed
from loadlab.scoreboard.case import Case

LOADLAB = Path(sys.executable).with_name("loadlab")
TRIES = 3
DURATION_S = 25
"""Shorter than a default run: the same measured window, fewer rounds of the proof, whose grade nobody asks for here."""


def verdict_of(case: Case, folder: Path) -> dict[str, Any]:
    """verdict.json of a run of this case. A machine on which strangers used the cores during the run, which loadlab
    then says, is asked again: that answer is right, and is not what the case is about."""
    place = case.folder if case.folder.parent.name == "sample_apps" else case.copy_to(folder)
    for _ in range(TRIES):
        command = [str(LOADLAB), "run", str(place), "--json", "--runs", str(folder / "runs")]
        if "profile" not in (place / "loadlab.toml").read_text():
            command += ["--duration", str(DURATION_S)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.stdout, done.stderr
        verdict: dict[str, Any] = json.loads(done.stdout)
        if not disturbed(case, verdict):
            break
    return verdict
