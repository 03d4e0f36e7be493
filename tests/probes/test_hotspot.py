"""The attach mechanism of HotSpot, spoken to a program that answers as it does."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.probes import _hotspot
from loadlab.probes._stack_run import StackRun
from loadlab.probes._tree import Tree
from loadlab.recording.folded import parse_folded
from loadlab.services import Target

pytestmark = pytest.mark.real

MACHINE = """
import os, signal, socket, sys, threading
trigger, path = (f"/tmp/.{name}_pid{os.getpid()}" for name in ("attach", "java"))
DUMP = '''"worker" #9 prio=5 cpu=1.0ms nid=%d runnable
   java.lang.Thread.State: TIMED_WAITING (sleeping)
	at java.lang.Thread.sleep(java.base@17/Native Method)
	at Desk.go(Desk.java:7)

''' % os.getpid()
ANSWERS = {b"threaddump": "0\\n" + DUMP, b"properties": "0\\njava.class.path=.\\nuser.dir=/\\nsun.java.command=Desk\\n"}
def serve(listener):
    while True:
        one, _ = listener.accept()
        version, command, *rest = one.recv(4096).split(b"\\0")
        assert version == b"1" and rest == [b"", b"", b"", b""], rest
        one.sendall(ANSWERS.get(command, "1\\nno such command").encode()); one.close()
def opens(*_):
    if "silent" in sys.argv or not os.path.exists(trigger): return
    listener = socket.socket(socket.AF_UNIX); listener.bind(path); listener.listen()
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
signal.signal(signal.SIGQUIT, signal.SIG_DFL if "-Xrs" in sys.argv else opens)
print("up", flush=True)
while True: signal.pause()
"""


class Alone:
    """One service of one process."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def now(self) -> tuple[Target, ...]:
        """It."""
        return (self.target,)


@contextmanager
def machine(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", MACHINE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        yield process
        process.kill()


def stacks(process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> list[StackRun]:
    monkeypatch.setattr(_hotspot, "is_jvm", lambda pid: pid == process.pid)
    monkeypatch.setattr(_hotspot, "OPENS_WITHIN_S", 0.4)
    members = Tree(Alone(Target("app", 0, process.pid))).members(0.0)
    return _hotspot.record(members, 0.3, SYSTEM, threading.Event())


def left(process: subprocess.Popen[str]) -> list[Path]:
    return [path for name in ("attach", "java") if (path := Path("/tmp", f".{name}_pid{process.pid}")).exists()]


def test_dumps_are_read_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine() as process:
        (run,) = stacks(process, monkeypatch)
        assert not left(process) and process.poll() is None
    assert run.mode == "still" and not run.error
    ((thread, frames, count),) = parse_folded(run.by_pid[process.pid])
    assert thread == f"worker ({process.pid})" and count >= 3
    assert [each.function for each in frames] == ["Desk.go", "Thread.sleep"]


@pytest.mark.parametrize(("how", "why"), [("-Xrs", "does not take SIGQUIT"), ("silent", "does not answer")])
def test_one_that_will_not_is_left_as_it_is(how: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with machine(how) as process:
        (run,) = stacks(process, monkeypatch)
        assert why in run.error and not run.by_pid
        assert process.poll() is None and not left(process)


def test_what_somebody_else_laid_there_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may write there: a link would have us make a file where it leads."""
    with machine() as process:
        link, far = Path("/tmp", f".attach_pid{process.pid}"), tmp_path / "far"
        link.symlink_to(far)
        try:
            (run,) = stacks(process, monkeypatch)
            assert "File exists" in run.error and not far.exists() and link.is_symlink()
        finally:
            link.unlink()


def test_a_socket_of_another_user_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hotspot, "EFFECTIVE", re.compile(rb"^Pid:\s*(\d+)", re.MULTILINE))  # a number no user has
    with machine() as process:
        (run,) = stacks(process, monkeypatch)
        assert "is another user's" in run.error and not left(process)


MAPS = """
import mmap, sys
file = open(sys.argv[1], "rb")
held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
print("up", flush=True)
input()
"""


def test_a_program_with_a_virtual_machine_in_it_is_known_by_what_it_maps(tmp_path: Path) -> None:
    library = tmp_path / "libjvm.so"
    library.write_bytes(bytes(4096))
    command = [sys.executable, "-c", MAPS, str(library)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        assert _hotspot.is_jvm(process.pid)
        process.communicate("\n")
    assert not _hotspot.is_jvm(process.pid)
