"""The child process that stops and continues others: `python -m loadlab.experiments._beat FD`. Started by pulse.py.

A process of its own, because a stop may last 5 ms and no more: in loadlab's own process the interpreter's lock would
hold the thread that has to continue them. It hears on a socket (SOCK_SEQPACKET, JSON, pidfds attached) and continues
everything whenever that socket closes, so a killed loadlab leaves nothing stopped even before the guardian has
noticed.

    {"do": "add"} + pidfds            these too, from the next beat on
    {"do": "beat", "share": 0.25}     stop and continue them, until the next message
    {"do": "rest"}                    -> [[stopped, continued], ...] in seconds of CLOCK_MONOTONIC; forgets the pidfds
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import sys
from contextlib import suppress

from loadlab.clock import SYSTEM

STOP_S = 0.005
"""No client, proxy or health check notices 5 ms."""
SHORTEST = 0.7
"""Periods are drawn between this share of the longest and the longest: a fixed beat could fall in step with a timer
of the service, and then take away all of it or nothing."""
MAX_FDS = 253
"""The kernel's own limit for one message (SCM_MAX_FD)."""


class Beat:
    """What is being stopped, and when it was."""

    def __init__(self) -> None:
        self.pidfds: list[int] = []
        self.spans: list[tuple[float, float]] = []
        self._random = random.Random()  # noqa: S311 - jitter, not a secret

    def period_s(self, share: float) -> float:
        """How long the next beat is."""
        return self._random.uniform(SHORTEST, 1.0) * STOP_S / share

    def stop_for(self, seconds: float) -> None:
        """Stop all at one moment, continue all at another, and keep both moments."""
        stopped = SYSTEM.monotonic()
        try:
            self.send(signal.SIGSTOP)
            SYSTEM.sleep(seconds)
        finally:
            self.send(signal.SIGCONT)
        self.spans.append((stopped, SYSTEM.monotonic()))

    def send(self, number: int) -> None:
        """To every process that is still there."""
        for pidfd in self.pidfds:
            with suppress(OSError):
                signal.pidfd_send_signal(pidfd, number)

    def forget(self) -> list[tuple[float, float]]:
        """Continue all, give their descriptors back; returns when they were stopped."""
        self.send(signal.SIGCONT)
        for pidfd in self.pidfds:
            os.close(pidfd)
        spans, self.pidfds, self.spans = self.spans, [], []
        return spans


def serve(messages: socket.socket, beat: Beat) -> None:
    """Until the other end closes."""
    share = 0.0
    while True:
        if share > 0:
            period_s = beat.period_s(share)
            beat.stop_for(share * period_s)
            if not select.select([messages], [], [], (1 - share) * period_s)[0]:
                continue
        data, pidfds, _, _ = socket.recv_fds(messages, 65_536, MAX_FDS)
        beat.pidfds += pidfds
        if not data:
            return
        order = json.loads(data)
        if order["do"] == "beat":
            share = float(order["share"])
        elif order["do"] == "rest":
            share = 0.0
            messages.sendall(json.dumps(beat.forget()).encode())


def urgent() -> None:
    """Ahead of the processes it has to continue, as far as this user may."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)


def _end(_number: int, _frame: object) -> None:
    # No OSError: that is what a process which is gone looks like, and is passed over.
    raise KeyboardInterrupt


def main() -> None:
    """Serve the socket whose descriptor is the one argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    urgent()
    beat = Beat()
    try:
        with (
            socket.socket(fileno=int(sys.argv[1])) as messages,
            suppress(ConnectionError, BrokenPipeError, KeyboardInterrupt),
        ):
            serve(messages, beat)
    finally:
        beat.forget()


if __name__ == "__main__":
    main()
