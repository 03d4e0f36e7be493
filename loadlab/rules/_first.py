"""Part of single_core: an instance's first process that is full while those it made are not, and processes whose stacks
were not read while those of others of the service were."""

from __future__ import annotations

from loadlab.signals import Signals
from loadlab.signals.stations import Station

WORKS = 0.05
"""Share of the full process's CPU from which on another one works with it, as in signals/stations."""

OWN_WORK = "Let the processes that it made do this work: they have time left, and more of them would wait for it, too."
"""Of a first process for which those it made wait."""


def hands_on(s: Signals, top: Station) -> bool:
    """Whether it is the first process of an instance, and those it made serve as well: they ask it for what all of them
    share, or it hands them their requests, as a primary of node:cluster."""
    made = [each for each in s.stations.of(top.entity.service) if each.entity.instance == top.entity.instance]
    serve = [each for each in made if each is not top and each.thread is not None and each.thread.serves]
    return top.first and any(each.process.cores >= WORKS * top.process.cores for each in serve)


SHARE_OUT = "Let more worker_threads share this work, as many as there are cores. Else: "
"""Where one of them does it all. What the first thread's lines say is nothing of it."""


def is_worker(s: Signals, top: Station) -> bool:
    """Whether the thread that does most is not the first one of a process of which only that one's stacks are read:
    one of Node's worker_threads."""
    return top.thread is not None and top.thread.entity.tid != top.entity.pid and top.entity.pid in s.hot.main_only


def others_read(s: Signals, name: str, full: list[Station]) -> str:
    """Why no line of the service is one of those that are full; "" where one of them was read, as of equals a few are,
    or where none of the service's that were there in the measured window was."""
    read = s.hot.read & {each.entity.pid for each in s.stations.all if each.entity.service == name}
    if not read or any(each.entity.pid in read for each in full):
        return ""
    node = s.languages.get(name) == "Node" and any(each.first for each in full)
    alone = " (a primary of node:cluster is not profiled: start it with node --cpu-prof)" if node else ""
    return f"its own stacks were not read, only those of other processes of {name}{alone}"
