"""Starts one process: in a session of its own, its output straight into a file, its environment as documented."""

from __future__ import annotations

import io
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loadlab.errors import ServiceError
from loadlab.services import ProcessPlan, _exec, _guard
from loadlab.services._guardian import MARK
from loadlab.services._limits import Applied

INSTANCE_MARK = "LOADLAB_INSTANCE"
"""Environment variable with "service/instance", by which a daemon is told to be whose."""
INHERITED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
VIRTUAL = ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYENV_VERSION")
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
LAST_LINES = 15
FIRST_LINES = 7
TAIL_BYTES = 16_384
LAUNCHED_WITHIN_S = 20.0
"""The launcher needs 20 ms; systemd-run asks a bus that may be slow."""


class Watcher(Protocol):
    """What this needs of services._guardian.Guardian."""

    @property
    def mark(self) -> str:
        """The run's mark."""
        ...

    def watch(self, pid: int) -> None:
        """Kill this one should loadlab end."""
        ...


@dataclass
class Child:
    """A running process, and how to hear of its end. popen is None for a daemon, whose parent is gone."""

    pid: int
    start: int
    pidfd: int
    log_from: int = 0
    popen: subprocess.Popen[bytes] | None = None
    foreign: bool = False
    """Somebody else's child: how it ended is for them to know."""

    @property
    def key(self) -> tuple[int, int]:
        """pid and start: never reused together."""
        return self.pid, self.start

    @property
    def over(self) -> bool:
        """Whether it has ended, though perhaps nobody has looked at how yet."""
        seen = _guard.look(self.pid)
        return seen is None or seen.key != self.key or not seen.alive

    def ended(self) -> tuple[bool, int | None]:
        """(whether it ended, its return code: negative for a signal, None where only its parent is told)."""
        if self.popen is not None:
            code = self.popen.poll()
            return code is not None, code
        try:
            pid, status = (0, 0) if self.foreign else os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            pid, status = 0, 0
        if pid == 0:
            return self.over, None
        return True, os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """Give the descriptor back."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def child_of(
    pid: int, log_from: int = 0, popen: subprocess.Popen[bytes] | None = None, *, foreign: bool = False
) -> Child | None:
    """A process that runs, opened; None where it is gone."""
    seen = _guard.look(pid)
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    if seen is None:
        os.close(pidfd)
        return None
    return Child(pid, seen.start, pidfd, log_from, popen, foreign)


def environment(plan: ProcessPlan, mark: str, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a service inherits, plus what it is passed, plus its `env`, plus the marks by which its processes are
    found."""
    inherited = {key: outer[key] for key in (*INHERITED, *VIRTUAL, *plan.pass_env) if key in outer}
    return inherited | dict(plan.env) | marks(mark, plan.service, plan.instance)


def marks(mark: str, service: str, instance: int) -> dict[str, str]:
    """The two entries that every process of an instance inherits."""
    return {MARK: mark, INSTANCE_MARK: f"{service}/{instance}"}


def mark_entries(mark: str, service: str, instance: int) -> tuple[bytes, ...]:
    """The same, as they stand in /proc/PID/environ."""
    return tuple(f"{key}={value}".encode() for key, value in marks(mark, service, instance).items())


def program(name: str, cwd: Path, path: str | None, beside: Path = Path(sys.executable).parent) -> str:
    """Where a program lies: on PATH, else beside the interpreter running loadlab, whose environment may not be
    activated. Raises ServiceError."""
    if "/" in name:
        found = cwd / name
        if found.is_file() and os.access(found, os.X_OK):
            return str(found)
        why = "may not be run: `chmod +x` it, or name its interpreter first" if found.is_file() else "does not exist"
        raise ServiceError(f"{found} {why}")
    on_path = shutil.which(name, path=path) or shutil.which(name, path=str(beside))
    if on_path is None:
        raise ServiceError(f"{name!r} was found neither on PATH nor in {beside}; install it, or give its full path")
    return str(Path(on_path).absolute())


def spawn(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path, guardian: Watcher, applied: Applied | None = None
) -> Child:
    """Start it. Returns once it runs its own program, and the guardian knows of it. Raises ServiceError."""
    limits = applied or Applied()
    if not cwd.is_dir():
        raise ServiceError(f"the folder {cwd} does not exist; correct cwd")
    path = program(argv[0], cwd, env.get("PATH"))
    with ExitStack() as stack:
        order_in, order_out = _pipe(stack)
        report_in, report_out = _pipe(stack)
        order = {
            "path": path,
            "argv": list(argv),
            "env": dict(env),
            "cgroups": [str(each) for each in dict.fromkeys(limits.cgroups.values())],
            "rlimits": limits.rlimits,
            "network": f"/proc/{os.getpid()}/fd/{limits.space.descriptor}" if limits.space is not None else "",
            "ptracer": _guard.content(str(YAMA)).strip() == b"1",
            "report": report_out.fileno(),
        }
        popen, log_from = _launcher(limits.scope, cwd, env, log, order_in.fileno(), report_out.fileno())
        order_in.close()
        report_out.close()
        guardian.watch(popen.pid)
        child = child_of(popen.pid, log_from, popen)
        with suppress(BrokenPipeError):
            _write(order_out, json.dumps(order).encode())
        order_out.close()
        said = _read(report_in)
    if said or child is None:
        _abandon(popen, child)
        raise ServiceError(f"{path} could not be run: could not {said or 'start'}; its command is {' '.join(argv)}")
    return child


def last_lines(log: Path, since: int = 0, count: int = LAST_LINES) -> list[str]:
    """The end of what an instance printed, from this byte of its log on."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(since, size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [each.rstrip() for each in text.splitlines() if each.strip()][-count:]


def both_ends(log: Path, since: int = 0) -> list[str]:
    """What an instance printed, with "..." for the middle of a long text: the reason stands first where a crash report
    follows it (Erlang), and last where it ends in one (Python)."""
    last = last_lines(log, since)
    try:
        with log.open("rb") as file:
            file.seek(since)
            head, more = file.read(TAIL_BYTES), file.read(1)
    except OSError:
        return last
    first = [each.rstrip() for each in head.decode("utf-8", "replace").splitlines() if each.strip()]
    if not more and len(first) <= LAST_LINES + FIRST_LINES:
        return first
    return [*first[:FIRST_LINES], "...", *last]


def _launcher(
    scope: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path, order_fd: int, report_fd: int
) -> tuple[subprocess.Popen[bytes], int]:
    """The process that waits for its order and then becomes the service. It carries the marks from its first moment."""
    argv = [*scope, *(["--"] if scope else []), sys.executable, "-I", "-S", _exec.__file__, str(order_fd)]
    carried = {key: env[key] for key in (MARK, INSTANCE_MARK) if key in env}
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            popen = subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(os.environ) | carried,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(order_fd, report_fd),
            )
            return popen, out.seek(0, os.SEEK_END)
    except OSError as error:
        raise ServiceError(f"could not start a process that writes to {log}: {error}") from error


def _pipe(stack: ExitStack) -> tuple[io.FileIO, io.FileIO]:
    """Two ends that may be closed twice: a descriptor's number may be another file's by then."""
    reading, writing = os.pipe()
    return stack.enter_context(io.FileIO(reading, "rb")), stack.enter_context(io.FileIO(writing, "wb"))


def _write(end: io.FileIO, data: bytes) -> None:
    while data:
        data = data[end.write(data) or 0 :]


def _read(end: io.FileIO) -> str:
    """What the launcher has to say before it becomes the service: nothing, where all is well."""
    parts: list[bytes] = []
    while True:
        if not select.select([end], [], [], LAUNCHED_WITHIN_S)[0]:
            return f"start within {LAUNCHED_WITHIN_S:g} s"
        part = end.read(4096)
        if not part:
            return b"".join(parts).decode("utf-8", "replace")
        parts.append(part)


def _abandon(popen: subprocess.Popen[bytes], child: Child | None) -> None:
    """Our own direct child, not yet reaped: its number is still its own."""
    if popen.poll() is None:
        popen.kill()
    popen.wait()
    if child is not None:
        child.close()
