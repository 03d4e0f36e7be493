"""Every arrangement of the shop starts with its real servers, answers, and leaves nothing: a few seconds each, no
verdict asked for. test_runs.py asks some for their verdict; `LOADLAB_CASES=all` all of them."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.services._start import INSTANCE_MARK
from tests.end_to_end.running import LOADLAB
from tests.end_to_end.test_runs import CORE

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = sorted(each.parent.name for each in (ROOT / "sample_apps").glob("*/loadlab.toml"))
SHORT = [each for each in SYSTEMS if each not in CORE]
LOSES_SESSIONS = 0.2
"""Of the requests of a visit half need a session, and half of those go to the other server."""


def left_behind() -> list[str]:
    """Command lines of processes that loadlab started as services, whichever run it was: tests run one at a time."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if f"{INSTANCE_MARK}=".encode() in (each / "environ").read_bytes():
                found.append((each / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return found


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: PM2 keeps its sockets there, and the path of one has at most 108 characters."""
    with tempfile.TemporaryDirectory(prefix="ll-") as folder:
        yield Path(folder)


@pytest.mark.e2e
@pytest.mark.parametrize("name", SHORT)
def test_it_runs_for_real_and_leaves_nothing(name: str, short: Path) -> None:
    command = [str(LOADLAB), "run", name, "--profile", "smoke", "--duration", "5", "--no-prove", "--no-stacks"]
    done = subprocess.run(
        [*command, "--json", "--runs", str(short)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode in (0, 5), done.stderr  # 5: two users and no proof need not tell a limit
    verdict = json.loads(done.stdout)
    capacity = verdict["capacity"]
    assert capacity["steady_rps"] > 0
    assert (capacity["error_rate"] > LOSES_SESSIONS) is (name == "stateful"), capacity
    assert all(each["instances"] for each in verdict["signals"]["services"].values()), verdict["signals"]["services"]
    assert left_behind() == []
