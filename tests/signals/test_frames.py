"""What the user's code asks for in a library's function that ends in Condition.wait."""

from __future__ import annotations

import pytest

from loadlab.recording.model import Frame, ServiceMeta
from loadlab.signals.frames import asks, users_frame

META = ServiceMeta("app", "app", "command", 1, cwd="/srv/app")
LIB = "/usr/lib/python3.11/"
JAVA = "jvm:java.base/java/util/concurrent/"
ROOT = (Frame("Thread._bootstrap", LIB + "threading.py", 1002), Frame("Thread.run", LIB + "threading.py", 982))
SERVER = (*ROOT, Frame("BaseRequestHandler.__init__", LIB + "socketserver.py", 755))
OURS = Frame("lend", "/srv/app/app.py", 18)
WAIT = Frame("Condition.wait", LIB + "threading.py", 327)


def under(above: tuple[Frame, ...], function: str, file: str) -> tuple[Frame, ...]:
    return (*above, OURS, Frame(function, file, 1), WAIT)


CASES = [
    (under(SERVER, "Semaphore.acquire", LIB + "threading.py"), "lock", "a semaphore"),
    (under(ROOT, "Semaphore.acquire", LIB + "threading.py"), "lock", "in a thread of one's own as well"),
    (under(SERVER, "Queue.get", LIB + "queue.py"), "thing", "a queue that lends, for a request"),
    (under(ROOT, "Queue.get", LIB + "queue.py"), "", "a thread of one's own that waits for work"),
    (under(SERVER, "Future.result", LIB + "concurrent/futures/_base.py"), "result", "a pool of threads"),
    (
        under(SERVER, "FutureTask.get", JAVA + "FutureTask.java"),
        "result",
        "a pool of Java's",
    ),
    (
        under(SERVER, "CompletableFuture.get", JAVA + "CompletableFuture.java"),
        "",
        "anybody's",
    ),
    (under(SERVER, "Event.wait", LIB + "threading.py"), "", "an event: work, as a rule"),
    (under(SERVER, "Pool.get", "/srv/app/lib/python3.11/site-packages/pool.py"), "", "another's get"),
    ((*SERVER, OURS), "", "its own line: a lock in C, or a sleep"),
]


@pytest.mark.parametrize(("stack", "what", "why"), CASES, ids=[each[2] for each in CASES])
def test_what_the_users_frame_asks_for(stack: tuple[Frame, ...], what: str, why: str) -> None:
    index = users_frame(META, stack)
    assert index is not None
    assert asks(META, stack, index) == what


STARTED = Frame("<module>", "/srv/app/app.py", 40)
SERVE = Frame("serve", "/srv/app/app.py", 30)
RUN_APP = Frame("run_app", "/srv/app/lib/python3.11/site-packages/aiohttp/web.py", 502)
RUNS_ONCE = Frame("BaseEventLoop._run_once", LIB + "asyncio/base_events.py", 1922)
RUNNER = Frame("Runner.run", LIB + "asyncio/runners.py", 118)
PREPARE = Frame("StreamResponse.prepare", "/srv/app/lib/python3.11/site-packages/aiohttp/web_response.py", 464)
FROZEN = Frame("_run_module_as_main", "<frozen runpy>", 198)


@pytest.mark.parametrize(
    ("stack", "whose"),
    [
        ((STARTED, RUN_APP, RUNS_ONCE, PREPARE), None),
        ((FROZEN, STARTED, SERVE, RUN_APP, RUNNER, PREPARE), None),
        ((STARTED, SERVE), SERVE),
        ((STARTED, RUN_APP, RUNS_ONCE, PREPARE, OURS), OURS),
        ((STARTED, RUN_APP, PREPARE), STARTED),
        ((*SERVER, OURS, RUNNER, RUNS_ONCE, PREPARE), OURS),
    ],
    ids=[
        "the library's work, below a loop that the user's module runs",
        "by python -m, through a function",
        "no loop: it works itself",
        "a handler",
        "no loop that is known",
        "a handler that runs a loop of its own",
    ],
)
def test_who_only_runs_the_loop_has_no_part_in_the_librarys_work(stack: tuple[Frame, ...], whose: Frame | None) -> None:
    index = users_frame(META, stack)
    assert (None if index is None else stack[index]) == whose
