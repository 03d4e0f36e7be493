"""Stacks of Java processes, from thread dumps that the virtual machine makes of itself.

HotSpot answers at a socket of its attach mechanism, which jstack and jcmd use too; nothing is loaded into the program.
For a dump all threads stand still for about a millisecond, at a safepoint: where a line computes, the one named may be
the next one at which threads can be stopped. Which of the threads ran is what the kernel said just before.
"""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from loadlab.clock import Clock
from loadlab.probes._classes import Classes, parse_properties
from loadlab.probes._proc_text import catches
from loadlab.probes._stack_run import StackRun, wait_until
from loadlab.probes._threaddump import Fold, parse
from loadlab.probes._tree import Member, mapped, read, stat_fields
from loadlab.services import _guard

BETWEEN_S = 0.043
"""Between two dumps: at a millisecond each, 2% of the program's time. Odd, so that it does not fall in step with
timers of 10 or 20 ms."""

OPENS_WITHIN_S = 2.0
"""It takes a hundredth of that; HotSpot's own tools wait for ten seconds."""
ANSWERS_WITHIN_S = 5.0
ASK_AGAIN_S = 0.01
LONGEST = 32_000_000
"""Bytes of an answer: ten thousand threads of thirty frames."""
EFFECTIVE = re.compile(rb"^Uid:\s*\d+\s+(\d+)", re.MULTILINE)
NAMESPACED = re.compile(rb"^NSpid:\s*(.*)$", re.MULTILINE)


class Unreadable(Exception):
    """This process gives no thread dumps; says why."""


def record(members: Sequence[Member], duration_s: float, clock: Clock, stop: threading.Event) -> list[StackRun]:
    """Dumps of all virtual machines, by turns. A Source."""
    until = clock.monotonic() + duration_s
    runs = []
    looks: list[tuple[Member, Path, Fold]] = []
    with ExitStack() as stack:
        for member in (each for each in members if is_jvm(each.pid)):
            try:
                path = stack.enter_context(_listening(member, clock, stop))
                classes = Classes(parse_properties(_ask(path, "properties")), Path(f"/proc/{member.pid}/root"))
                looks.append((member, path, Fold(classes)))
            except (Unreadable, OSError) as why:
                runs.append(StackRun(member.target, "", {}, f"no lines of process {member.pid}: {why}"))
        while clock.monotonic() < until and not stop.wait(BETWEEN_S):
            for each in looks:
                with suppress(Unreadable, OSError):  # one that ends meanwhile has been seen until then
                    _look(*each)
    for member, _, fold in looks:
        runs += [StackRun(member.target, mode, {member.pid: text}) for mode, text in fold.texts().items()]
    return runs


def is_jvm(pid: int) -> bool:
    """Whether HotSpot runs in it: as `java`, or within another program."""
    return b"/libjvm.so" in mapped(pid)


def _look(member: Member, path: Path, fold: Fold) -> None:
    """One dump, and which threads ran just before: in it, none does."""
    ran = frozenset(tid for tid in fold.tids if _runs(member.pid, tid))
    fold.add(parse(_ask(path, "threaddump")), ran)


def _runs(pid: int, tid: int) -> bool:
    fields = stat_fields(read(f"/proc/{pid}/task/{tid}/stat", 1024))
    return bool(fields) and fields[0] == b"R"


@contextmanager
def _listening(member: Member, clock: Clock, stop: threading.Event) -> Iterator[Path]:
    """The socket of its attach mechanism; what was not there before is taken away again. Raises Unreadable."""
    folder = Path(f"/proc/{member.pid}/root", "tmp")
    inside = _pid_inside(member.pid)
    path = folder / f".java_pid{inside}"
    if path.is_socket():
        yield _its_own(path, member.pid)
        return
    trigger = folder / f".attach_pid{inside}"
    # Never through a link, or over a file of somebody else's: anybody may write there.
    trigger.touch(mode=0o600, exist_ok=False)
    try:
        _wake(member)
        if not wait_until(path.is_socket, OPENS_WITHIN_S, ASK_AGAIN_S, clock, stop):
            raise Unreadable("the virtual machine does not answer (-XX:+DisableAttachMechanism, -Xrs, another user?)")
        yield _its_own(path, member.pid)
    finally:
        for each in (trigger, path):
            with suppress(OSError):
                each.unlink()


def _its_own(path: Path, pid: int) -> Path:
    """The socket, if whoever the process runs as made it. Raises Unreadable."""
    runs_as = EFFECTIVE.search(read(f"/proc/{pid}/status"))
    if runs_as is None or path.stat().st_uid != int(runs_as[1]):
        raise Unreadable(f"{path.name} is another user's")
    return path


def _wake(member: Member) -> None:
    """A virtual machine that finds the trigger opens its socket. One that has left the signal to the system (-Xrs)
    would be ended by it, and is not sent it."""
    process = _guard.look(member.pid)
    if process is None or process.start != member.started_ticks:
        raise Unreadable("it ended")
    if not catches(read(f"/proc/{member.pid}/status"), signal.SIGQUIT):
        raise Unreadable("it does not take SIGQUIT, by which its attach mechanism is opened (-Xrs?)")
    _guard.send(process, signal.SIGQUIT)


def _pid_inside(pid: int) -> int:
    """Its number where it lives: a container counts for itself."""
    found = NAMESPACED.search(read(f"/proc/{pid}/status"))
    return int(found[1].split()[-1]) if found is not None and found[1].split() else pid


def _ask(path: Path, command: str) -> str:
    """The answer to a command of the attach protocol, version 1: three arguments, none of them needed. Raises
    Unreadable, OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWERS_WITHIN_S)
        connection.connect(str(path))
        connection.sendall(b"\0".join((b"1", command.encode(), b"", b"", b"", b"")))
        answer = bytearray()
        while (received := connection.recv(1 << 16)) and len(answer) < LONGEST:
            answer += received
    code, _, text = answer.decode("utf-8", "replace").partition("\n")
    if code.strip() != "0":
        raise Unreadable(f"it refuses {command}: {text.strip()[:200]}")
    return text
