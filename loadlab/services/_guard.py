"""The guardian's own process: `python -I -S _guard.py`, one record after the other on standard input.

Imports next to nothing (it is there before anything else starts, in 20 ms) and nothing of loadlab: it has to work when
loadlab does not. `_guardian.py` starts it. The functions on process families are used by the teardown, too.

    mark TEXT       entries of this kind in a process's environment make it ours
    watch PID TICKS      a process of ours: killed, with its session and all that descend from it
    forget PID TICKS     one that ended and left nobody: its number may be somebody else's from now on
    candidate PID TICKS  a process of somebody else: continued, never killed
    cgroup PATH, temp PATH      removed
    bye             all is well: end without doing anything
"""

# pathlib and contextlib cost 10 ms before the first service may start.
# ruff: noqa: PTH106, PTH108, PTH112, PTH114, SIM105

from __future__ import annotations

import os
import select
import signal
import sys

END = b"\0"
"""Between two records: the only byte that no path and no environment variable holds."""
TICK_MS = 20
LAST_STOPS = 10
"""How often to continue candidates once more: the child that stops them lives for at most one beat of 20 ms."""
PASSES = 8
"""How often to look again at a machine on which processes are born all the time."""
PATIENCE_MS = 3_000
"""How long processes may take to die: SIGKILL takes microseconds but for a process in uninterruptible sleep."""


class Process:
    """One line of the process table. `start` is in clock ticks since boot: pid and start together are never reused."""

    __slots__ = ("parent", "pid", "session", "start", "state")

    def __init__(self, pid: int, fields: list[bytes]) -> None:
        self.pid = pid
        self.state = fields[0].decode()
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.start = int(fields[19])

    @property
    def key(self) -> tuple[int, int]:
        """What identifies it for ever."""
        return self.pid, self.start

    @property
    def alive(self) -> bool:
        """A zombie only waits for its parent to look."""
        return self.state not in "ZX"


def look(pid: int, proc: str = "/proc") -> Process | None:
    """A process as it is now; None where it is gone."""
    raw = content(f"{proc}/{pid}/stat")
    fields = raw[raw.rfind(b")") + 2 :].split()
    return Process(pid, fields) if len(fields) > 19 else None


def numbers(proc: str = "/proc") -> list[int]:
    """The pids that are taken now."""
    return [int(name) for name in os.listdir(proc) if name.isdigit()]


def table(proc: str = "/proc") -> dict[int, Process]:
    """All processes that can be seen."""
    found = (look(pid, proc) for pid in numbers(proc))
    return {each.pid: each for each in found if each is not None}


def carries(pid: int, marks: tuple[bytes, ...], proc: str = "/proc") -> bool:
    """Whether all of these entries stand in a process's environment."""
    environ = b"\0" + content(f"{proc}/{pid}/environ") + b"\0"
    return all(b"\0" + each + b"\0" in environ for each in marks)


def family(
    marks: tuple[bytes, ...], roots: set[tuple[int, int]], proc: str = "/proc", spared: frozenset[int] = frozenset()
) -> list[Process]:
    """The living processes that carry the marks, that are roots, sit in a root's session or descend from one of these.

    One way alone is not enough: nginx and Postgres overwrite their environment, daemons leave their session and their
    parents. `spared` are never in it.

    Reading takes milliseconds, in which a process may fork and end: one that was not there yet and one that is not
    there any more. So nobody is found only where no process was born meanwhile.
    """
    for _ in range(PASSES):
        listed = set(numbers(proc))
        found = _family(marks, roots, proc, spared)
        if found or listed.issuperset(numbers(proc)):
            break
    return found


def _family(marks: tuple[bytes, ...], roots: set[tuple[int, int]], proc: str, spared: frozenset[int]) -> list[Process]:
    processes = table(proc)
    mine = {pid for pid, each in processes.items() if each.key in roots or _in_session(each, roots, processes)}
    if marks:
        mine |= {pid for pid in processes if pid not in mine and carries(pid, marks, proc)}
    mine -= spared
    grown = True
    while grown:
        more = {pid for pid, each in processes.items() if each.parent in mine} - mine - spared
        mine |= more
        grown = bool(more)
    return [processes[pid] for pid in sorted(mine) if processes[pid].alive]


def _in_session(process: Process, roots: set[tuple[int, int]], processes: dict[int, Process]) -> bool:
    """The kernel gives no new process the number of a session that still has members."""
    leader = processes.get(process.session)
    if leader is not None:
        return leader.key in roots
    return any(process.session == pid for pid, _ in roots)


def send(process: Process, number: int, proc: str = "/proc") -> bool:
    """A signal to exactly this process, never to one that got its number later. False where it is gone or not ours."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        now = look(process.pid, proc)
        if now is None or now.key != process.key:
            return False
        signal.pidfd_send_signal(pidfd, number)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return True


def content(path: str) -> bytes:
    """A file of /proc; b"" where it is gone or not permitted. Read to its end: environments may be long."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    parts = []
    try:
        while part := os.read(descriptor, 65_536):
            parts.append(part)
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return b"".join(parts)


def remove_cgroup(path: str) -> bool:
    """A cgroup and those below it; False while a process still sits in one."""
    try:
        inner = [each.path for each in os.scandir(path) if each.is_dir(follow_symlinks=False)]
        for each in inner:
            remove_cgroup(each)
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def remove(path: str) -> None:
    """A file, or a folder with all in it; a link is removed, not followed."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            import shutil  # costs 10 ms, and is needed in an emergency only

            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    except OSError:
        pass


class Guard:
    """What it was told, and what it does about it."""

    def __init__(self) -> None:
        self.marks: tuple[bytes, ...] = ()
        self.roots: set[tuple[int, int]] = set()
        self.candidates: dict[tuple[int, int], int] = {}
        self.cgroups: list[str] = []
        self.temps: list[str] = []
        self.dismissed = False

    def hear(self, record: bytes) -> None:
        """One record."""
        verb, _, rest = record.partition(b" ")
        if verb == b"mark":
            self.marks = (rest,)
        elif verb == b"watch":
            pid, start = rest.split()
            self.roots.add((int(pid), int(start)))
        elif verb == b"forget":
            pid, start = rest.split()
            self.roots.discard((int(pid), int(start)))
        elif verb == b"candidate":
            self._candidate(*map(int, rest.split()))
        elif verb == b"cgroup":
            self.cgroups.append(os.fsdecode(rest))
        elif verb == b"temp":
            self.temps.append(os.fsdecode(rest))
        elif verb == b"bye":
            self.dismissed = True

    def _candidate(self, pid: int, start: int) -> None:
        """Opened now, while it is certainly the right one."""
        if (pid, start) in self.candidates:
            return
        self._forget_dead()
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return
        now = look(pid)
        if now is not None and now.start == start:
            self.candidates[pid, start] = pidfd
        else:
            os.close(pidfd)

    def _forget_dead(self) -> None:
        """Candidates come and go in an hour's run; descriptors are few."""
        for pid, start in list(self.candidates):
            now = look(pid)
            if now is None or now.start != start:
                os.close(self.candidates.pop((pid, start)))

    def act(self) -> None:
        """loadlab is gone: continue what may be stopped, end what it started, remove what it made."""
        self.go_on()
        spared = frozenset({0, 1, os.getpid()})
        for _ in range(PATIENCE_MS // TICK_MS):
            left = family(self.marks, self.roots, spared=spared)
            for each in left:
                send(each, signal.SIGCONT)
            for each in left:
                send(each, signal.SIGKILL)
            gone = [remove_cgroup(path) for path in reversed(self.cgroups)]
            if not left and all(gone):
                break
            pause(TICK_MS)
        for path in self.temps:
            remove(path)
        # The child that stops candidates ends with loadlab, but a moment after it, and may have stopped them last.
        for _ in range(LAST_STOPS):
            pause(TICK_MS)
            self.go_on()

    def go_on(self) -> None:
        """Continue everything that may have been stopped."""
        for pidfd in self.candidates.values():
            try:
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            except OSError:
                pass


def pause(milliseconds: int) -> None:
    """A sleep without a clock."""
    select.select([], [], [], milliseconds / 1000)


def serve(messages: int, employer: int) -> None:
    """Listens until dismissed, until the pipe closes, or until loadlab ends though somebody holds the pipe."""
    guard = Guard()
    waiting = select.poll()
    waiting.register(messages, select.POLLIN)
    waiting.register(employer, select.POLLIN)
    pending = b""
    while not guard.dismissed:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if messages in ready:
            data = os.read(messages, 65_536)
            if not data:
                break
            *records, pending = (pending + data).split(END)
            for record in records:
                guard.hear(record)
        elif employer in ready:
            break
    if not guard.dismissed:
        guard.act()


def main() -> None:
    """Ignores what ends others; says that it is there; serves."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    employer = os.pidfd_open(int(sys.argv[1]))
    os.write(1, b"here")
    os.close(1)
    serve(0, employer)


if __name__ == "__main__":
    main()
