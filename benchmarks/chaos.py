"""Chaos: `kill -9` of loadlab at a random moment of the proof, again and again; what is left behind?

    python benchmarks/chaos.py --times 40

Each time a small app is started and measured by `loadlab run --duration 8`; loadlab is killed at a moment drawn evenly
from its proof; three seconds later every process that carries the run's mark, or was a child of it, is looked for:
stopped, running or zombie. With `--at-once 3` three such runs go side by side: nothing is timed here, and a crowded
machine is the harder test. Needs /proc. Exits with 1 where anything was left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

APP = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        sum(range(20_000))
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
PROOF_S = 2.4
"""Length of the proof of a run of 8 s."""
AFTER_S = 3.0
"""What the guardian has for its work."""


def left(marks: set[bytes], pids: set[int]) -> list[str]:
    """Processes of the run that are still there: "pid state command"."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            stat = (folder / "stat").read_text()
            ours = int(folder.name) in pids or bool(marks & set((folder / "environ").read_bytes().split(b"\0")))
        except OSError:
            continue
        if ours:
            name, _, rest = stat.partition("(")[2].rpartition(")")
            found.append(f"{folder.name} {rest.split()[0]} {name}")
    return found


def descendants(root: int) -> set[int]:
    """All processes below `root`."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, more = {root}, True
    while more:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found |= new
        more = bool(new)
    return found - {root}


def marks(pids: set[int]) -> set[bytes]:
    """The marks (LOADLAB_RUN=...) that these processes carry."""
    found: set[bytes] = set()
    for pid in pids:
        try:
            parts = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        found |= {each for each in parts if each.startswith(b"LOADLAB_RUN=")}
    return found


def once(moment_s: float) -> dict[str, object]:
    """One run, killed `moment_s` into its proof. `left` is what was found afterwards; killed_s: None where the run had
    ended before; watched: processes it had then."""
    with tempfile.TemporaryDirectory() as folder:
        return killed_in(Path(folder), moment_s)


def killed_in(folder: Path, moment_s: float) -> dict[str, object]:
    """The same, with a folder for what the run writes."""
    app = folder / "app.py"
    app.write_text(APP)
    command = [sys.executable, "-m", "loadlab", "run", "--command", f"{sys.executable} {app} {{port}}",
               "--duration", "8", "--no-stacks", "--runs", str(folder / "runs")]  # fmt: skip
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    killed = None
    for line in child.stderr or ():
        if line.startswith("proof:"):
            time.sleep(moment_s)
            family = descendants(child.pid)
            marked = marks(family)
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                killed = round(moment_s, 2)
            break
    else:
        family, marked = set(), set()
    child.wait()
    time.sleep(AFTER_S)
    return {"killed_s": killed, "watched": len(family), "left": left(marked, family)}


def main() -> int:
    """Prints a line of JSON each time, and a sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--at-once", type=int, default=1, help="runs side by side")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    moments = [chance.uniform(0.0, PROOF_S) for _ in range(asked.times)]
    bad = kills = 0
    with ThreadPoolExecutor(asked.at_once) as pool:
        for number, found in enumerate(pool.map(once, moments)):
            kills += found["killed_s"] is not None
            bad += bool(found["left"])
            print(json.dumps({"run": number, **found}), flush=True)
    print(f"{kills} kills in {asked.times} runs; something was left behind after {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
