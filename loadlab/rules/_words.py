"""What a remedy is called in the language of the service: nobody is helped by the name of another language's tool."""

from __future__ import annotations

from loadlab.recording.model import FULL_PIPE, PIPE, Entity
from loadlab.signals import Signals
from loadlab.signals.far_ends import far_end

WORKERS = {
    "Python": "uvicorn --workers, gunicorn -w",
    "Node": "node:cluster, PM2 -i max",
    "Ruby": "Puma's workers",
    "PHP": "php-fpm's pm.max_children",
}
"""More processes of one service."""

WAITERS = {
    "Python": "gunicorn -w or --threads; uWSGI's processes",
    "Ruby": "Puma's threads or workers",
    "PHP": "php-fpm's pm.max_children",
}
"""More of those that take requests, where they wait. PHP has no threads."""

SPREAD = {
    "Java": "Let it use the other cores: an executor with as many threads as there are, as one does it all now",
    "Go": "Let it use the other cores: GOMAXPROCS as many as there are, its default, and the work in goroutines",
}
"""Of languages whose threads need no process of their own for a core of their own."""

OFF_LOOP = {
    "Python": "asyncio.to_thread, run_in_executor",
    "Node": "the promise form instead of Sync; worker_threads",
    "Ruby": "a thread of its own",
    "Java": "an executor of its own",
}
"""Somewhere else than on the event loop."""

POOL = {
    "Python": "ProcessPoolExecutor, as threads share one core",
    "Node": "UV_THREADPOOL_SIZE",
    "Java": "a pool of as many threads as there are cores",
}
"""More threads of a pool at work."""

POOL_OF_PROCESSES = {"Python": "ProcessPoolExecutor's max_workers"}
"""More processes that are handed work."""

CONSUMERS = {
    "Python": "Celery's --concurrency, more workers of RQ",
    "Node": "BullMQ's concurrency",
    "Ruby": "Sidekiq's concurrency",
}
"""More messages worked on at a time."""

ONE_PROCESS = {"Python": "RQ's SimpleWorker, Celery's prefork"}
"""A consumer that makes no process for each message."""

PROCESSES = {"Python": "gunicorn -w, ProcessPoolExecutor", "Ruby": "Puma's workers, fork"}
"""Processes instead of threads."""

UNLOCK = {"PHP": "a session's: session_write_close, or read_and_close, as soon as it is read"}
"""How a lock is given back that a library took."""

OBJECTS = {"Node": "typed arrays", "Java": "arrays of numbers instead of lists of objects"}
"""Fewer of them for the same data."""


def named(s: Signals, service: str, words: dict[str, str]) -> str:
    """` (gunicorn -w)`; "" where the language is not known, or has no word for it."""
    said = words.get(s.languages.get(service, ""), "")
    return f" ({said})" if said else ""


def workers(s: Signals, service: str) -> str:
    """What to do where one process or thread has a core to itself, and the service may have more. A whole sentence."""
    if any(each.name == service and each.role == "cache" for each in s.meta.services):
        return "Ask it less (many keys in one command, a copy of what is asked most), or divide its keys among several."
    spread = SPREAD.get(s.languages.get(service, ""))
    if spread is not None:
        return f"{spread}, or run more instances of it."
    said = named(s, service, WORKERS)
    return f"Run one worker per core{said}." if said else "Run one worker per core, or more instances of it."


PEERS = {
    "caller": "its caller",
    PIPE: "a pipe",
    FULL_PIPE: "whoever reads the pipe that it writes to",
    "listen": "a connection",
    "socket": "a socket",
}
"""What the probe of threads calls far ends that have no name (probes/_peers.py)."""


def one_of(s: Signals, entity: Entity) -> str:
    """ "instance 2 of shop", where there are several; else "shop"."""
    several = any(each.name == entity.service and each.instances > 1 for each in s.meta.services)
    return f"instance {entity.instance} of {entity.service}" if several else entity.service


NAMES_PORT = ":53"
"""How an address ends at which names are looked up (RFC 1035)."""


def whom(name: str) -> str:
    """ "db/0" -> "db": what a thread waits for, as its owner calls it; "" where that is not known."""
    if name.endswith(NAMES_PORT):
        return f"a name server ({name})"
    file = name.removeprefix("file:")
    return file if file != name else PEERS.get(name) or far_end(name)[0]
