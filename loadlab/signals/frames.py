"""Frames of stacks: whose they are, what they are called, and what a thread that stands there waits for.

A file is the user's unless it lies in an interpreter's library or in an installed package.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import PurePath

from loadlab.recording.model import COMPILED, LIBRARY, PLATFORM, Frame, ServiceMeta, Stacks

BUILT_IN = ("node:", "wasm:", "evalmachine.", PLATFORM, LIBRARY, COMPILED)
"""Before a file's name, or instead of it: by V8 for code that comes with Node, or from no file; by
probes/_threaddump.py for Java's own code and for libraries'; by probes/_symbols.py for those of compiled programs."""
LIBRARIES = ("site-packages", "dist-packages", "node_modules")

WAITS_FOR_WORK = frozenset({"select", "poll", "epoll_wait", "_run_once", "accept", "get", "wait", "_worker", "kevent"})
"""Innermost functions in which an idle loop or pool thread is found; what is above them is not the user's doing."""
JAVA_WAITS_FOR_WORK = WAITS_FOR_WORK - {"get"} | {"take"}
"""A queue's get is called take there; get is a future's: somebody works on it."""
JAVA_RESULTS = ("java/util/concurrent/FutureTask.java", "java/util/concurrent/ForkJoinTask.java")
"""Futures of what was handed to a thread of a pool. Who works on it is that one, and who asks for its result waits;
another future's answer may come from elsewhere."""
FUTURE = "java/util/concurrent/CompletableFuture.java"
"""Such another: of an asynchronous client, or of work handed to a thread of a pool (supplyAsync, runAsync)."""
RESULT = "(result)"
"""Below the innermost frame of a thread that waits for such a future, where threads of a pool work for some."""


def waits_for_work(frame: Frame) -> bool:
    """Whether it is one of those, as the innermost frame of a thread."""
    java = frame.file.startswith((PLATFORM, LIBRARY))
    if frame.function == RESULT:
        return True
    if java and frame.file.endswith(JAVA_RESULTS) and bare(frame.function) in ("get", "join"):
        return True
    return bare(frame.function) in (JAVA_WAITS_FOR_WORK if java else WAITS_FOR_WORK)


def imports(frame: Frame) -> bool:
    """Whether Python looks for a module below it, and runs it: not the way to one that is there already."""
    return frame.function == "_find_and_load" and frame.file.startswith("<frozen importlib")


COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
"""Python runs these as functions of their own (generators always, the others before 3.12, PEP 709)."""


def in_function(frames: tuple[Frame, ...], index: int) -> Frame:
    """The frame under the name of the function it was written in: of a comprehension, the one round it."""
    frame = frames[index]
    function = frame.function
    while bare(function) in COMPREHENSIONS:
        outer, qualified, _ = function.rpartition(".<locals>.")
        if qualified:
            function = outer
            continue
        around = (each.function for each in reversed(frames[:index]) if each.file == frame.file)
        return replace(frame, function=next((each for each in around if each not in COMPREHENSIONS), function))
    return replace(frame, function=function) if function != frame.function else frame


def bare(function: str) -> str:
    """ "EpollSelector.select" -> "select"."""
    return function.rpartition(".")[2]


LOOPS = (
    ("asyncio/base_events.py", "_run_once"),
    ("asyncio/runners.py", "run"),  # uvloop shows no frame of its own
    ("socketserver.py", "serve_forever"),
    ("trio/_core/_run.py", "run"),
    ("twisted/internet/base.py", "mainLoop"),
    ("waitress/server.py", "run"),
)
"""Functions from which a thread's handlers are called, one after the other, by the file they are in."""


def users_frame(meta: ServiceMeta, frames: tuple[Frame, ...]) -> int | None:
    """Index of the innermost frame of the user's; None where the whole stack is a library's. Who only runs the loop
    from which handlers are called (asyncio.run(main()), uvicorn.run(app)) is in each of its thread's stacks, and in
    those of the library's own work has no part."""
    for index in range(len(frames) - 1, -1, -1):
        frame = frames[index]
        if is_users(frame.file, meta.cwd) and not frame.function.startswith("<frozen") and not _launches(frame):
            return None if _only_loops(meta, frames, index) else index
    return None


def _only_loops(meta: ServiceMeta, frames: tuple[Frame, ...], index: int) -> bool:
    """Whether a loop runs below the frame, and nothing but the user's own frames above it, so that none was called from
    another loop."""
    below = any(
        bare(each.function) == function and each.file.endswith(file)
        for each in frames[index + 1 :]
        for file, function in LOOPS
    )
    return below and all(is_users(each.file, meta.cwd) or each.file.startswith("<") for each in frames[:index])


def _launches(frame: Frame) -> bool:
    """Whether it is the script by which an installed program is started (bin/gunicorn): it is in every stack."""
    path = PurePath(frame.file)
    return frame.function == "<module>" and path.parent.name == "bin" and not path.suffix


def is_users(file: str, cwd: str = "") -> bool:
    """Whether a file is the user's own: not of the interpreter's library, not of an installed package, not frozen
    code. Below the service's folder only the way from there counts: the service may itself lie in a package."""
    if not file or file.startswith(("<", *BUILT_IN)):
        return False
    root = cwd.rstrip("/") + "/"
    parts = PurePath(file[len(root) :] if cwd and file.startswith(root) else file).parts
    if any(name in parts for name in LIBRARIES):
        return False
    library = any(part == "lib" and following.startswith("python3") for part, following in pairwise(parts))
    return not library


def shown(meta: ServiceMeta, file: str) -> str:
    """A path as people want it: relative to the service's folder where it lies below; of an installed package, from the
    package on."""
    for library in LIBRARIES[:2]:
        _, found, rest = file.rpartition(f"/{library}/")
        if found:
            return rest
    root = meta.cwd.rstrip("/") + "/"
    return file[len(root) :] if meta.cwd and file.startswith(root) else file


ASKED = (
    ("lock", ("acquire", "__enter__"), ("threading.py", "multiprocessing/synchronize.py")),
    ("thing", ("get",), ("queue.py",)),
    ("result", ("result",), ("concurrent/futures/_base.py",)),
    ("result", ("get", "join"), JAVA_RESULTS),
)
"""What is asked for, by which functions, in which files of Python's or Java's library. Python's locks in C have no
frame of their own."""
POOLS = (
    ("_worker", "concurrent/futures/thread.py"),
    ("WorkerThread.run", "anyio/_backends/_asyncio.py"),
    ("AsyncSupply.run", FUTURE),
    ("AsyncRun.run", FUTURE),
)
"""Functions in which a pool's threads take what they are handed, with their files."""
STARTS = "threading.py"
"""What stands above a thread's own function."""


def asks(meta: ServiceMeta, frames: tuple[Frame, ...], index: int) -> str:
    """What the user's frame of this index waits for, in a library's function that ends in Condition.wait and so looks
    like a wait for work: "lock": a semaphore, or another lock that is written in Python; "thing": one of a queue of
    them, as a connection of a pool; "result": of a pool of threads. "" of any other."""
    asked = frames[index + 1] if index + 1 < len(frames) else None
    if asked is None:
        return ""
    named = bare(asked.function)
    if frames[-1].function == RESULT:
        return "result"
    what = next((each for each, names, files in ASKED if named in names and asked.file.endswith(files)), "")
    return "" if what == "thing" and not _called(meta, frames[:index]) else what


def handed(meta: ServiceMeta, frames: tuple[Frame, ...]) -> bool:
    """Whether the user's code was handed to a thread of a pool (concurrent.futures, asyncio's executors, anyio; of
    Java's CompletableFuture)."""
    index = users_frame(meta, frames)
    above = frames[:index] if index is not None else ()
    return any(each.function == name and each.file.endswith(file) for each in above for name, file in POOLS)


def with_results(meta: ServiceMeta, stacks: Stacks) -> Stacks:
    """Those of one process, where who waits for a future that a pool works on is told from who waits for one whose
    answer comes from elsewhere: by the pool's threads, if any are seen at what was handed to them so. One of those that
    waits for a future itself keeps its place in its pool."""
    pool = [handed(meta, stack) for _, stack, _ in stacks.samples]
    waits = [_awaits(stack) for _, stack, _ in stacks.samples]
    if not any(waits) or not any(pool):
        return stacks
    return replace(
        stacks,
        samples=tuple(
            (thread, (*stack, Frame(RESULT, "", 0)) if wait and not one else stack, count)
            for (thread, stack, count), wait, one in zip(stacks.samples, waits, pool, strict=True)
        ),
    )


def _awaits(stack: tuple[Frame, ...]) -> bool:
    return bool(stack) and stack[-1].file.endswith(FUTURE) and bare(stack[-1].function) in ("get", "join")


def _called(meta: ServiceMeta, above: tuple[Frame, ...]) -> bool:
    """Whether a library calls the user's code here, as a server does for a request. A thread of the user's own that
    waits in a queue's get waits for work."""
    return any(
        not is_users(each.file, meta.cwd) and not each.file.endswith(STARTS) and not each.file.startswith("<")
        for each in above
    )
