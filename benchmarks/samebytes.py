"""Whether recordings get the same verdict, to the byte, from other versions of Python.

    python benchmarks/samebytes.py RUNS PYTHON...     interpreters of environments that have loadlab installed

Each recording is copied, judged by this interpreter and by each of the others, and verdict.json and summary.md are
compared. Prints how many were the same, and each that was not; leaves with 1 where one was not.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WRITTEN = ("verdict.json", "summary.md")


def main() -> int:
    """See above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("runs", type=Path, help="a folder of recordings")
    parser.add_argument("python", nargs="+", help="interpreters")
    options = parser.parse_args()
    folders = [each for each in sorted(options.runs.glob("2*-*")) if (each / "run.json").is_file()]
    different = 0
    with tempfile.TemporaryDirectory(prefix="loadlab-same-") as place:
        copies = [Path(shutil.copytree(each, Path(place, each.name))) for each in folders]
        ours = {each: judged(sys.executable, each) for each in copies}
        for other in options.python:
            unlike = [each.name for each in copies if judged(other, each) != ours[each]]
            different += len(unlike)
            print(f"{version(other)} like {platform.python_version()}: {len(copies) - len(unlike)} of {len(copies)}")
            print("".join(f"  not {each}\n" for each in unlike), end="")
    return 1 if different else 0


def judged(python: str, folder: Path) -> str:
    """A hash of what is written; of the error where there is none."""
    command = [python, "-m", "loadlab", "diagnose", str(folder), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):
        return f"{done.returncode} {done.stderr}"
    return hashlib.sha256(b"".join((folder / each).read_bytes() for each in WRITTEN)).hexdigest()


def version(python: str) -> str:
    """Of an interpreter."""
    command = [python, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
