"""Kills one service of a system while it starts, works or stops, and looks what loadlab makes of it.

    python benchmarks/killed.py [SYSTEM ...]      # default: every arrangement of the shop

Each service of each system is killed once (SIGKILL to all of its processes), at a moment drawn between its start and
the end of a run of a few seconds. A row says when, how long the run then took to end, its exit code, what it said, and
whether any process was left. Exits with 1 where a run hung, crashed (exit code 1 or a signal) or left something.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from loadlab.services import _guard
from loadlab.services._start import INSTANCE_MARK
from loadlab.spec import read

ROOT = Path(__file__).resolve().parents[1]
LOADLAB = Path(sys.executable).with_name("loadlab")
RUN_S = 6
HANGS_S = 60.0
"""A run of RUN_S seconds, the slowest start, and a teardown are over long before."""
LATEST_S = 9.0
"""After the service was first seen: the others start, load comes and goes, everything stops."""
MARK = f"{INSTANCE_MARK}=".encode()
KNOWN = {0, 2, 4, 5}


def started(folder: Path) -> dict[int, str]:
    """pid -> service, of what the run in this folder has started."""
    found = {}
    for each in folder.glob("*/samples.sqlite"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{each}?mode=ro", uri=True)) as database:
            found.update(
                database.execute("SELECT pid, service FROM events WHERE kind IN ('started', 'restarted')").fetchall()
            )
    return found


def processes(folder: Path) -> dict[int, str]:
    """pid -> service of all that lives: what was started, what carries its mark (nginx overwrites its own), and what
    descends from either or is in its session."""
    found, table = {}, _guard.table()
    roots = started(folder)
    for pid, each in table.items():
        mark = next(
            (part for part in _guard.content(f"/proc/{pid}/environ").split(b"\0") if part.startswith(MARK)), b""
        )
        name = mark.partition(b"=")[2].partition(b"/")[0].decode() or roots.get(pid) or roots.get(each.session, "")
        if name and each.alive:
            found[pid] = name
    for pid, each in sorted(table.items()):
        if each.parent in found and each.alive:
            found.setdefault(pid, found[each.parent])
    return found


def kill(service: str, folder: Path) -> int:
    """Through pidfds, and only what belongs to the service when it is held; how many there were."""
    count = 0
    for pid in [pid for pid, name in processes(folder).items() if name == service]:
        with suppress(OSError):
            held = os.pidfd_open(pid)
            try:
                if processes(folder).get(pid) == service:
                    signal.pidfd_send_signal(held, signal.SIGKILL)
                    count += 1
            finally:
                os.close(held)
    return count


def run(system: str, service: str, chance: random.Random) -> tuple[str, bool]:
    """One row, and whether it is fine."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(LOADLAB), "run", system, "--profile", "smoke", "--duration", str(RUN_S), "--no-prove", "--quiet"]
        began = time.monotonic()
        child = subprocess.Popen(
            [*command, "--runs", folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while service not in started(Path(folder)).values() and child.poll() is None:
            time.sleep(0.05)
        time.sleep(chance.uniform(0.0, LATEST_S))
        killed = kill(service, Path(folder)) if child.poll() is None else 0
        at = time.monotonic() - began
        try:
            said, _ = child.communicate(timeout=HANGS_S)
        except subprocess.TimeoutExpired:
            child.kill()
            said, _ = child.communicate()
            said += "\nHANGS"
        took = time.monotonic() - began - at
        left = sorted(set(processes(Path(folder)).values()))
        fine = child.returncode in KNOWN and "HANGS" not in said and not left
        line = " / ".join(each.strip() for each in said.strip().splitlines()[:2])[:110]
        row = f"{system:18} {service:14} {killed:3} {at:6.1f} {took:6.1f} {child.returncode:4}"
        return f"{row} {','.join(left) or '-':10} {line}", fine


def main() -> None:
    """Every service of every system named."""
    names = sys.argv[1:] or sorted(each.parent.name for each in (ROOT / "sample_apps").glob("*/loadlab.toml"))
    seed = int(os.environ.get("SEED", "1"))
    print(f"seed {seed}\n{'system':18} {'killed':14} {'n':>3} {'at s':>6} {'then s':>6} {'exit':>4} {'left':10} said")
    bad = 0
    for system in names:
        for service in read.system(read.find(system, ROOT)).service:
            row, fine = run(system, service.name, random.Random(f"{seed}{system}{service.name}"))
            bad += not fine
            print(row, flush=True)
    print(f"{bad} runs that hung, crashed or left something")
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
