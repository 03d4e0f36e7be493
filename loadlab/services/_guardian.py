"""The guardian, as loadlab sees it: a process of its own that undoes everything should loadlab end in any way.

Started before anything else. It is told what belongs to the run; when loadlab ends without a goodbye, `kill -9`
included, it continues everything that may be stopped, ends every process of the run, and removes cgroups and temporary
folders. The other end of the pipe is `_guard.py`.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from loadlab.errors import ServiceError
from loadlab.services import _guard

MARK = "LOADLAB_RUN"
"""Environment variable that every process of a run inherits, however far it strays."""
STARTS_WITHIN_S = 10.0
ENDS_WITHIN_S = 2.0
ACTS_WITHIN_S = 5.0
STANDS_STILL = "TtZX"
"""States of a process that hears nothing: stopped, traced, dead."""


class Guardian:
    """A context manager. Left in order it says goodbye: what still runs then is not touched."""

    def __init__(self, mark: str | None = None) -> None:
        self.mark = mark or uuid.uuid4().hex
        """The value of LOADLAB_RUN in the environment of all processes of this run."""
        self._told: set[tuple[str, int, int]] = set()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Returns when it runs and ignores signals. Raises ServiceError where it cannot be started."""
        argv = [sys.executable, "-I", "-S", _guard.__file__, str(os.getpid())]
        outer = {key: value for key, value in os.environ.items() if key != MARK}
        try:
            process = subprocess.Popen(
                argv,
                cwd="/",
                env=outer,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise ServiceError(f"loadlab's guardian process could not be started: {error}") from error
        self._process = process
        self._await_word(process)
        self._tell(f"mark {MARK}={self.mark}")
        return self

    def _await_word(self, process: subprocess.Popen[bytes]) -> None:
        word = b""
        if process.stdin is not None and process.stdout is not None:
            os.set_blocking(process.stdin.fileno(), False)
            ready, _, _ = select.select([process.stdout], [], [], STARTS_WITHIN_S)
            word = process.stdout.read(4) if ready else b""
            process.stdout.close()
        if word != b"here":
            self._end(process)
            raise ServiceError(
                "loadlab's guardian process did not start; "
                "nothing is started without it, as nobody would clean up after a crash"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """In order, a goodbye. After an error none: an interrupt may have hit the very teardown, so it looks for what
        is left, ends that, and then itself."""
        if kind is None:
            self.close()
        else:
            self._dismiss(ACTS_WITHIN_S)

    @property
    def pid(self) -> int:
        """Its process; 0 before it was started and after it was closed."""
        return self._process.pid if self._process is not None else 0

    @property
    def alive(self) -> bool:
        """Whether it would undo everything if this process were killed now."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return False
        seen = _guard.look(self._process.pid)
        return seen is not None and seen.state not in STANDS_STILL

    def watch(self, pid: int) -> None:
        """A process of this run: should loadlab end, it is killed, with its session and its descendants."""
        self._process_record("watch", pid)

    def forget(self, pid: int, start: int) -> None:
        """A watched process ended and nobody is left of its session. `start` in clock ticks since boot."""
        self._tell(f"forget {pid} {start}")

    def candidate(self, pid: int) -> None:
        """A process that may be stopped for a moment: should loadlab end, it is continued, and not killed for it."""
        self._process_record("candidate", pid)

    def cgroup(self, path: Path) -> None:
        """A cgroup folder to remove."""
        self._tell(f"cgroup {path}")

    def temp(self, path: Path) -> None:
        """A temporary file or folder to remove."""
        self._tell(f"temp {path.absolute()}")

    def close(self) -> None:
        """All was stopped in order: it ends without doing anything. May be called again."""
        self._tell("bye")
        self._dismiss(ENDS_WITHIN_S)

    def _dismiss(self, within_s: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._end(process, within_s)

    def _end(self, process: subprocess.Popen[bytes], within_s: float = ENDS_WITHIN_S) -> None:
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _process_record(self, verb: str, pid: int) -> None:
        seen = _guard.look(pid)
        if seen is None or (verb, *seen.key) in self._told:
            return
        if self._tell(f"{verb} {seen.pid} {seen.start}"):
            self._told.add((verb, *seen.key))

    def _tell(self, record: str) -> bool:
        """Below the size up to which the kernel writes all or nothing, so threads need no lock. One that does not
        listen any more is as good as dead: `alive` says so, or nothing is lost by it."""
        if self._process is None or self._process.stdin is None:
            return False
        data = os.fsencode(record) + _guard.END
        try:
            return os.write(self._process.stdin.fileno(), data) == len(data)
        except (OSError, ValueError):
            return False
