"""What the generator's process needs of the system it runs on: files, a log that does not grow, and an end."""

from __future__ import annotations

import faulthandler
import logging
import os
import resource
import signal
import sys
from collections import Counter
from typing import NoReturn

from gevent import monkey

LOG_EACH = 20
"""Times one line of code may log: a task that raises says so a thousand times a second."""


class Seldom(logging.Filter):
    """Each line of code logs LOG_EACH times, then is silent: a log must not grow with the load."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[tuple[str, int]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        self._seen[(record.pathname, record.lineno)] += 1
        return self._seen[(record.pathname, record.lineno)] <= LOG_EACH


def end_with_parent() -> None:
    """A thread of the system's, not of gevent's: users that never yield must not outlive a loadlab that was killed."""
    select = monkey.get_original("select", "poll")()
    select.register(0, 0)

    def watch() -> None:
        select.poll()
        leave(0)

    monkey.get_original("_thread", "start_new_thread")(watch, ())


def leave(code: int) -> NoReturn:
    """At once, whatever greenlets still wait for; but what a locustfile printed is not lost."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def spent_s() -> tuple[float, float]:
    """CPU seconds of this process so far, and seconds its main thread was ready but not running (0 where the kernel
    does not say)."""
    times = os.times()
    try:
        with open("/proc/self/schedstat", "rb") as file:  # noqa: PTH123 - once an interval, in a process that measures
            delay_ns = int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        delay_ns = 0
    return times.user + times.system, delay_ns / 1e9


def take_all_files() -> None:
    """A connection is a file, and the soft limit a default for programs that use select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def log_seldom() -> None:
    """Warnings go to stderr, which is the log; on SIGUSR1 the stack of each thread does."""
    faulthandler.register(signal.SIGUSR1)
    handler = logging.StreamHandler()
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # It warns of spawning quickly, which is what is wanted, and of its CPU, which loadlab watches better.
    logging.getLogger("locust.runners").setLevel(logging.ERROR)
