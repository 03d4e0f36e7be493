"""Processes that are kept to some of the cores, and use these up: part of cpu_quota."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, Where, blame, listed, percent, takes
from loadlab.signals import Signals
from loadlab.signals.affinity import Pinned

USED = 0.80
"""Share of their cores that they use; loadlab's processes and strangers may run there as well."""

WAITING = 0.5
"""Seconds per second that threads of theirs are ready but not running, for each of their cores: one thread alone waits
for nobody, however full its core is."""

IDLE = 0.15
"""Share of the machine's cores that is idle: else there is nothing to be had elsewhere."""


def kept(s: Signals) -> list[Fault]:
    """One for each set of cores."""
    if s.host.idle_share < IDLE:
        return []
    return [_fault(s, each) for each in s.affinity if _short(each)]


def _short(each: Pinned) -> bool:
    return each.used >= USED * each.cores and each.waiting >= WAITING * each.cores


def _fault(s: Signals, each: Pinned) -> Fault:
    name, others = each.services[0], [one for one in each.services[1:] if each.by_service[one] >= 0.05]
    beside = f" together with {listed(others)}" if others else ""
    number = "core" if each.cores == 1 else "cores"
    where = _where(s, name)
    return Fault(
        name,
        f"{name}{beside} may run on {each.cores} of {s.host.cores} cores only, and uses {_it(each)} up{takes(where)}",
        (
            Evidence("used", each.used, f"used {each.used:.2f} of the {each.cores} {number} that it is kept to", USED),
            Evidence(
                "run_delay",
                each.waiting,
                f"its threads were ready but not running for {each.waiting:.1f} s each second",
                WAITING * each.cores,
            ),
            Evidence("idle_cores", s.host.idle, f"{s.host.idle:.1f} cores of the machine were idle"),
            Evidence("idle_share", s.host.idle_share, f"{percent(s.host.idle_share)} of it", IDLE),
        ),
        "Let it run on more cores (taskset, os.sched_setaffinity, CPUAffinity= of systemd, --cpuset-cpus of Docker).",
        instance=each.busiest.instance,
        pid=each.busiest.pid or None,
        along=tuple(others),
        where=where,
        strength=min(1.0, each.used / each.cores),
        signals=2,
        gain=round((each.used + min(s.host.idle, each.waiting)) / each.used, 2),
    )


def _it(each: Pinned) -> str:
    return "it" if each.cores == 1 else "them"


def _where(s: Signals, name: str) -> Where | None:
    return blame(s.hot.hottest(name))
