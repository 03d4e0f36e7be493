"""Runs the generator's child process from loadlab's side: commands in, intervals out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

from loadlab.clock import SYSTEM, Clock
from loadlab.errors import LoadError
from loadlab.load import Listener, _remote
from loadlab.load._config import LoadConfig, part, told
from loadlab.load._talk import SILENT_S, Talk
from loadlab.load.fleet import Fleet

STOP_S = 5.0


class ChildGenerator(Talk):
    """A generator in a child process; see `start`."""

    def __init__(self, config: LoadConfig, listener: Listener, clock: Clock, t0: float) -> None:
        index, count = config.part
        name = "the load generator" if count == 1 else f"process {index + 1} of {count} of the load generator"
        super().__init__(name, listener, clock)
        self._log = config.log
        self._child = spawn(config, t0)
        self._reader.start()

    @property
    def pids(self) -> tuple[int, ...]:
        """The child process."""
        return (self._child.pid,)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def _write(self, line: bytes) -> None:
        pipe = _pipe(self._child.stdin)
        pipe.write(line)
        pipe.flush()

    def _take(self, count: int) -> bytes:
        return _pipe(self._child.stdout).read(count)

    def _gone(self) -> None:
        self._child.wait()

    def _end(self) -> None:
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join(2.0)
        for pipe in (self._child.stdin, None if self._reader.is_alive() else self._child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _see(self) -> str:
        return f"; its log: {self._log}"

    def _where_it_hangs(self) -> str:
        """The child writes the stack of each thread into its log when asked to."""
        self._child.send_signal(signal.SIGUSR1)
        self._clock.sleep(0.3)
        lines = [line for line in last_lines(self._log, 60) if "loadlab/load/_generator" not in line]
        said = "\n".join(f"    {line}" for line in lines[-12:]) or "    (its log says nothing)"
        return (
            f"{self.name} has not answered for {SILENT_S:.0f} s: a user of the locustfile never yields "
            f"(a loop without a request or a pause). Where it is, innermost first:\n{said}"
        )

    def _obituary(self, how: str) -> str:
        code = self._child.poll()
        lines = last_lines(self._log, 12)
        said = "\n".join(f"    {line}" for line in lines) or "    (it said nothing)"
        return f"{self.name} {how} (exit code {code}); its last lines:\n{said}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:  # both are asked for in spawn
        raise LoadError("the load generator has no pipe")
    return pipe


def start(
    config: LoadConfig,
    listener: Listener,
    clock: Clock = SYSTEM,
    t0: float = 0.0,
    note: Callable[[str], None] = lambda _: None,
) -> ChildGenerator | Fleet:
    """A generator that is ready and sends nothing yet. note: is told of processes that are lost on the way. Raises
    LoadError, a broken locustfile's traceback included."""
    made: ChildGenerator | Fleet
    members: Sequence[Talk]
    if config.workers:
        made = Fleet(listener, clock, t0, note)
        members = _remote.crew(made, config, clock, t0, note)
    elif config.processes > 1:
        made = Fleet(listener, clock, t0, note)
        members = [
            made.join(partial(ChildGenerator, part(config, index, config.processes), clock=clock, t0=t0))
            for index in range(config.processes)
        ]
    else:
        made = ChildGenerator(config, listener, clock, t0)
        members = [made]
    try:
        if isinstance(made, Fleet):
            made.begin(config.interval_s)
        for each in members:
            each.wait_ready()
    except BaseException:
        made.stop()
        raise
    return made


def spawn(config: LoadConfig, t0: float, *, inherit_log: bool = False) -> subprocess.Popen[bytes]:
    """The child process, told its configuration. inherit_log: what it says goes where this process' own errors go."""
    first = told(config) | {"t0": t0}
    log = config.log.open("ab") if config.log is not None else None
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "loadlab.load._generator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if inherit_log else log or subprocess.DEVNULL,
            env={**config.env, "GEVENT_SUPPORT": "True", "PYTHONPATH": _path(config.env)},
            start_new_session=True,
        )
    except OSError as error:
        raise LoadError(f"the load generator could not be started: {error}") from error
    finally:
        if log is not None:
            log.close()
    if child.stdin is not None:
        with suppress(BrokenPipeError):
            child.stdin.write(json.dumps(first).encode() + b"\n")
            child.stdin.flush()
    return child


def _path(env: Mapping[str, str]) -> str:
    """The child must find this very loadlab, wherever it was started from."""
    here = str(Path(__file__).parents[2])
    return ":".join(each for each in (here, env.get("PYTHONPATH", "")) if each)


def last_lines(path: Path | None, count: int) -> list[str]:
    """The end of a log; [] where there is none."""
    if path is None or not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        return file.read().decode("utf-8", "replace").splitlines()[-count:]
