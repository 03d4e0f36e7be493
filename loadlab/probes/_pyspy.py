"""Stacks of Python processes, by py-spy.

Two passes run side by side: "gil" sees only the thread that holds the interpreter lock, which is where CPU goes;
"all" sees every thread wherever it stands, which is where time goes. Both read the process without stopping it
(--nonblocking), because a profiler that pauses a server changes what is measured.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loadlab.clock import Clock
from loadlab.probes._stack_run import StackRun
from loadlab.probes._tree import Member, mapped, read
from loadlab.services import Target

RATES = {"gil": 99, "all": 49}
"""Samples per second. Odd, so that they do not fall in step with timers of 10 or 20 ms."""

GRACE_S = 3.0
"""py-spy reads the symbols of the interpreter first, which takes up to two seconds on a busy machine."""

ASK_AGAIN_S = 0.25
ENDS_WITHIN_S = 2.0

PREFIX = re.compile(r'^process (\d+):"(.*?)";')
REFUSED = ("ermission", "Operation not permitted", "No python processes found")
"""How py-spy says that it may not look. The last comes with --subprocesses: it is asked of interpreters only."""
THREAD = re.compile(r"^thread \((0x[0-9A-Fa-f]+|\d+)\)(?:: (.*))?$")


def record(members: Sequence[Member], duration_s: float, clock: Clock, stop: threading.Event) -> list[StackRun]:
    """Both passes over every Python process tree at once. A Source."""
    until = clock.monotonic() + duration_s + GRACE_S
    with tempfile.TemporaryDirectory(prefix="loadlab-stacks-") as folder:
        passes = [
            _start(target, pid, mode, duration_s, Path(folder))
            for target, pid in python_roots(members)
            for mode in sorted(RATES)
        ]
        return [each.finish(until, clock, stop) for each in passes]


def python_roots(members: Iterable[Member]) -> list[tuple[Target, int]]:
    """The topmost Python process of each branch of each service's tree: py-spy follows its children by itself."""
    python = {each.pid: each for each in members if is_python(each.pid)}
    return [(each.target, pid) for pid, each in sorted(python.items()) if parent(pid) not in python]


def is_python(pid: int) -> bool:
    """Whether the process is an interpreter, or has one built in. True where that may not be seen: py-spy then says
    that it may not look, instead of nobody saying anything."""
    try:
        name = Path(os.readlink(f"/proc/{pid}/exe")).name
    except PermissionError:
        return True
    except OSError:
        return False
    return name.startswith(("python", "pypy")) or b"libpython" in mapped(pid)


def parent(pid: int) -> int:
    """Parent of a process; 0 where it is gone."""
    stat = read(f"/proc/{pid}/stat", 1024)
    fields = stat[stat.rfind(b")") + 2 :].split()
    return int(fields[1]) if len(fields) > 1 else 0


@dataclass
class _Pass:
    target: Target
    pid: int
    mode: str
    output: Path
    process: subprocess.Popen[bytes] | None
    error: str = ""

    def finish(self, until: float, clock: Clock, stop: threading.Event) -> StackRun:
        if self.process is None:
            return StackRun(self.target, self.mode, {}, self.error)
        said = None
        while said is None and not stop.is_set() and (left_s := until - clock.monotonic()) > 0:
            said = _said(self.process, min(ASK_AGAIN_S, left_s))
        if said is None:
            # Asked to stop, it writes what it has.
            self.process.send_signal(signal.SIGINT)
            said = _said(self.process, ENDS_WITHIN_S)
        if said is None:
            self.process.kill()
            _, said = self.process.communicate()
        text = self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""
        by_pid = split(text, self.pid)
        return StackRun(self.target, self.mode, by_pid, "" if by_pid else reason(said.decode("utf-8", "replace")))


def _said(process: subprocess.Popen[bytes], within_s: float) -> bytes | None:
    """What it wrote to stderr; None while it runs."""
    try:
        return process.communicate(timeout=within_s)[1]
    except subprocess.TimeoutExpired:
        return None


def _start(target: Target, pid: int, mode: str, duration_s: float, folder: Path) -> _Pass:
    output = folder / f"{pid}.{mode}"
    program = find()
    if program is None:
        return _Pass(target, pid, mode, output, None, "py-spy was not found: pip install py-spy")
    command = [program, "record", "--pid", str(pid), "--duration", str(max(1, round(duration_s)))]
    command += ["--rate", str(RATES[mode]), "--format", "raw", "--output", str(output)]
    command += ["--nonblocking", "--threads", "--subprocesses", "--full-filenames"]
    command += ["--gil"] if mode == "gil" else ["--idle"]
    with suppress(OSError):
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        return _Pass(target, pid, mode, output, process)
    return _Pass(target, pid, mode, output, None, f"{program} could not be started")


def find() -> str | None:
    """The py-spy beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def split(text: str, root: int) -> dict[int, str]:
    """py-spy's raw lines by process, as folded lines that begin with the thread's name."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack or not count.isdigit():
            continue
        match = PREFIX.match(stack)
        pid, rest = (int(match[1]), stack[match.end() :]) if match else (root, stack)
        # A tree of several processes names them all on the way: the innermost is the one sampled.
        while (inner := PREFIX.match(rest)) is not None:
            pid, rest = int(inner[1]), rest[inner.end() :]
        first, semicolon, frames = rest.partition(";")
        thread = THREAD.match(first)
        if thread is None or not semicolon:
            continue
        found[pid][f"{thread[2] or thread[1]};{frames}"] += int(count)
    return {pid: "".join(f"{stack} {n}\n" for stack, n in stacks.items()) for pid, stacks in sorted(found.items())}


def reason(said: str) -> str:
    """Why there are no stacks, in words with a way out."""
    if any(each in said for each in REFUSED):
        return (
            "py-spy may not read this process: run as the same user with `sysctl kernel.yama.ptrace_scope=0`, "
            "or give it CAP_SYS_PTRACE"
        )
    lines = [line.strip() for line in said.partition("Stack backtrace:")[0].splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith("Error:")), lines[-1] if lines else "")
    return f"py-spy gave no stacks: {why.removeprefix('Error:').strip()}" if why else "py-spy saw no sample"


def check_ptrace() -> tuple[bool, str]:
    """Whether py-spy can read a process of ours here: tried on a short-lived child of our own."""
    program = find()
    if program is None:
        return False, "py-spy was not found: pip install py-spy"
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", "import sys; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if child.stdout is not None:
            child.stdout.read(1)
        done = subprocess.run(
            [program, "dump", "--pid", str(child.pid)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"py-spy could not be tried: {error}"
    finally:
        child.kill()
        child.communicate()
    said = done.stderr.decode("utf-8", "replace")
    return (True, "py-spy reads stacks") if done.returncode == 0 else (False, reason(said))
