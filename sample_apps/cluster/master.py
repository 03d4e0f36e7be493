"""A pre-fork master: binds the port once, forks a worker per core, replaces the dead, takes all along when it ends.

    python -m cluster.master shop.app:app --port 8000        (with sample_apps/ as the working directory)

Workers accept from one shared socket: whoever has time takes the next connection (README.md has the figures).
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvicorn

log = logging.getLogger("master")
WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
GRACE_S = 5.0
"""How long workers may finish their requests when the master is told to stop."""
STARTUP_S = 1.0
"""A worker that dies younger than this could not start."""
PAUSE_S = 0.25
"""How long the master then waits before the next try. Below STARTUP_S: who died meanwhile still counts as young."""
MOST_FAILED_STARTS = 5


class Worker(uvicorn.Server):
    """A uvicorn server on the master's socket. Ends by itself when the master is gone, even by kill -9."""

    def __init__(self, config: uvicorn.Config, master_pid: int) -> None:
        super().__init__(config)
        self._master_pid = master_pid

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; True ends the server."""
        return await super().on_tick(counter) or os.getppid() != self._master_pid


@dataclass
class Master:
    """The workers, and what keeps them alive. One per process: it owns the process's signals."""

    app: str
    listener: socket.socket
    workers: int
    born: dict[int, float] = field(default_factory=dict)
    """When each living worker was forked, by pid."""
    failed_starts: int = 0

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT, or until workers cannot start; returns the exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        try:
            return self._supervise()
        finally:
            self._stop()

    def _supervise(self) -> int:
        while True:
            while len(self.born) < self.workers:
                self._fork()
            arrived = signal.sigwait(WATCHED)
            if arrived != signal.SIGCHLD:
                return 0
            if self._reap():
                if self.failed_starts >= MOST_FAILED_STARTS:
                    log.error("%d workers in a row could not start, giving up", self.failed_starts)
                    return 3
                if signal.sigtimedwait(WATCHED - {signal.SIGCHLD}, PAUSE_S) is not None:
                    return 0

    def _fork(self) -> None:
        master_pid = os.getpid()
        pid = os.fork()
        if pid == 0:
            os._exit(_work(self.app, self.listener, master_pid))
        self.born[pid] = time.monotonic()
        log.info("worker %d forked", pid)

    def _reap(self) -> bool:
        """Forgets the workers that died; one signal may stand for several. True if one of them could not even start."""
        failed = False
        for pid in tuple(self.born):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended == 0:
                continue
            lived_s = time.monotonic() - self.born.pop(pid)
            log.info("worker %d died after %.1f s: exit code %d", pid, lived_s, os.waitstatus_to_exitcode(status))
            failed = failed or lived_s < STARTUP_S
            self.failed_starts = self.failed_starts + 1 if lived_s < STARTUP_S else 0
        return failed

    def _stop(self) -> None:
        """Ends all workers, with force where asking does not help within GRACE_S."""
        for pid in self.born:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while self.born and (left_s := deadline - time.monotonic()) > 0:
            self._reap()
            if self.born:
                signal.sigtimedwait({signal.SIGCHLD}, left_s)
        for pid in tuple(self.born):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _work(app: str, listener: socket.socket, master_pid: int) -> int:
    """A worker's whole life, in the forked process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=int(GRACE_S) - 1)
    try:
        Worker(config, master_pid).run(sockets=[listener])
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except Exception:
        log.exception("worker failed")
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, binds, serves."""
    parser = argparse.ArgumentParser(description="Serves an ASGI application with one worker process per core.")
    parser.add_argument("app", help="module:attribute, e.g. shop.app:app")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="default: one per core")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(name)s %(process)d: %(message)s")
    with socket.create_server((options.host, options.port), backlog=2048) as listener:
        listener.setblocking(False)
        return Master(options.app, listener, max(1, options.workers)).run()


if __name__ == "__main__":
    sys.exit(main())
