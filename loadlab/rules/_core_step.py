"""What to do where a process uses up its one core: part of single_core."""

from __future__ import annotations

from loadlab.rules import Where, _pipes, cheaper_first
from loadlab.rules._first import OWN_WORK, SHARE_OUT, hands_on, is_worker
from loadlab.rules._words import POOL_OF_PROCESSES, named, workers
from loadlab.signals import Signals
from loadlab.signals.stations import Station


def step(s: Signals, top: Station, where: Where | None) -> str:
    """The function first, where one takes a good part of the core; then who else can share its work."""
    name = top.entity.service
    more = OWN_WORK if hands_on(s, top) else SHARE_OUT * is_worker(s, top) + workers(s, name)
    if top.thread is not None and not top.thread.serves and top.entity.pid not in s.hot.main_only:
        # It takes no requests: who does hands it work, or it fetches it from a queue.
        if _pipes.writers(s, name):
            more = _pipes.KEEP_UP
        elif s.threads.serving(name):
            more = f"Let more processes of the pool work, one per core{named(s, name, POOL_OF_PROCESSES)}."
        elif name != s.meta.target:
            more = f"Run one {name} per core (more instances, or its own --concurrency), as far as order allows."
    first = cheaper_first(where, more)
    if where is not None and first != more:
        profile = s.hot.services.get(name)
        loop = top.thread is not None and top.thread.serves == "epoll"
        if loop and profile is not None and profile.interpreter and profile.is_native:
            return (
                f"Call {where.function}() in a thread (asyncio.to_thread, run_in_executor): its native code lets go of "
                f"the interpreter, so that other cores can take it. Else: {more}"
            )
    return first
