"""Much of the CPU goes into system calls

What: the service is limited by CPU, and spends over a third of it in the kernel, far more for each request than
receiving it and sending an answer takes.
Why: every system call costs a switch into the kernel and back, whatever it does: a write for each line, a stat for each
file, a flush for each log entry.
Fix: fewer and larger calls: buffer writes, send an answer at once, keep files open, remember what was looked up, log
less. `strace -c -p PID` counts them.
Not: connection_churn: there the calls are connects and closes; single_core: there the CPU is spent in the service's own
code; disk_io: there threads stand still for the disk.
Python: buffered file objects (no flush for each line), logging through a MemoryHandler or a queue, one b''.join before
send, files kept open, os.scandir rather than a stat for each name.
Node: streams with cork() and uncork(), fs calls gathered, a logger that buffers (pino with a destination that is not
synchronous).
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.rules._cpu import CONNECTION_S, bound
from loadlab.signals import Signals

BRANCH = "cpu"
STEP = "batch"
RANK = 56
AT_LIMIT = True
ELASTIC = True
COVERS = ("single_core", "all_cores")
NEEDS = ("stations", "cpu", "host", "latency", "churn")
USES = ("hot", "calls")

KERNEL = 1 / 3
"""Share of the service's CPU time that is the kernel's, from which on it is named rather than the core: as much as one
line must take to be made cheaper first (single_core). What calling costs the program itself comes on top."""

PER_REQUEST_S = 0.0003
"""Kernel time of a request. One on a kept connection (wait, receive, send) takes 20 to 40 microseconds on machines of
the last ten years; ten times that is no longer the request itself."""


def check(s: Signals) -> Verdict:
    """Each service of the user's own; servers that only pass bytes on live in the kernel."""
    own = [each.name for each in s.meta.services if each.role in ("app", "worker", "external")]
    found = [fault for name in own if name in s.cpu.services for fault in _service(s, name)]
    return Found(tuple(found)) if found else Clear("no service spends most of its CPU in the kernel")


def _exchanges(s: Signals, name: str) -> float:
    """Questions it answered and questions it asked, per second: each is received or sent once and answered once. Of a
    service behind others, where calls were not counted, as many as there were requests."""
    front = s.latency.rps + s.latency.failed_rps
    inner = sum(each.per_s for each in s.calls if name in (each.source, each.to))
    return inner + front if name == s.meta.target else inner or front


def _service(s: Signals, name: str) -> list[Fault]:
    service, rps = s.cpu.services[name], _exchanges(s, name)
    why = bound(s, name)
    # Opening and closing connections is connection_churn's.
    fresh = CONNECTION_S * sum(each.per_s for each in s.churn.all if name in (each.source, each.to))
    system = max(0.0, service.system - fresh)
    if not why or rps <= 0 or system < KERNEL * service.cores or system / rps < PER_REQUEST_S:
        return []
    where = blame(s.hot.running(name))
    share, each_ms = system / service.cores, 1000 * system / rps
    evidence = [
        Evidence("kernel_share", share, f"{percent(share)} of its CPU time was the kernel's", KERNEL),
        Evidence(
            "kernel_ms", each_ms, f"{each_ms:.2f} ms of it for each request it took or made", 1000 * PER_REQUEST_S
        ),
        Evidence("cores", service.cores, f"it used {service.cores:.2f} cores: {why}"),
    ]
    if where is not None and where.share is not None:
        evidence.append(
            Evidence("hot_share", where.share, f"{percent(where.share)} of its time at work was{at(where)}")
        )
    return [
        Fault(
            name,
            f"{name} spends {percent(share)} of its CPU in system calls{at(where)}",
            tuple(evidence),
            "Make fewer and larger system calls: buffer, keep files open, remember what was looked up.",
            where=where,
            strength=share,
            signals=2,
            gain=round(min(10.0, 1 / (1 - share)), 1),
        )
    ]
