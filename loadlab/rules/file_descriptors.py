"""The open-file limit is reached

What: a process had as many files and sockets open as it may have.
Why: from then on accept and connect fail: new clients wait in the kernel or are turned away, however idle the
machine is.
Fix: raise the limit (limits.files, ulimit -n, LimitNOFILE= of systemd), close what is not needed, bound the
connections.
Not: database_connections: there the server refuses, not the kernel; accept_backlog: there descriptors are left.
Python: close responses (with, aclosing); one client for the process instead of one a request; ulimit -n.
Node: consume or cancel response bodies; one Agent for the process; ulimit -n.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict
from loadlab.signals import Signals

BRANCH = "server_limit"
STEP = "raise_limit"
RANK = 20
AT_LIMIT = False
ELASTIC = False
NEEDS = ("files",)
USES = ("sockets",)

LEFT = 2
"""Descriptors that may be left. A probe looks twice a second, and a server at its limit closes one as it opens
another."""


def check(s: Signals) -> Verdict:
    """Every process against its own soft limit."""
    full = [each for each in s.files.all if each.peak >= each.limit - max(LEFT, 0.01 * each.limit)]
    if not full:
        most = max((each.peak / each.limit for each in s.files.all), default=0.0)
        return Clear(f"at most {100 * most:.0f}% of a limit was used")
    top = max(full, key=lambda each: each.peak / each.limit)
    name = top.entity.service
    evidence = [Evidence("open_files", top.peak, f"{top.peak:.0f} of {top.limit:.0f} descriptors were open", top.limit)]
    if s.files.refused:
        evidence.append(
            Evidence("refused", s.files.refused, f"{s.files.refused} requests were refused, cut off or timed out")
        )
    queued = max((each.queue_peak for each in s.sockets.listeners if each.entity.service == name), default=0.0)
    if queued >= 1:
        evidence.append(Evidence("accept_queue", queued, f"{queued:.0f} connections waited to be accepted"))
    return Found(
        (
            Fault(
                name,
                f"{name} is at its limit of {top.limit:.0f} open files",
                tuple(evidence),
                f"Raise the limit above {top.limit:.0f} (limits.files, ulimit -n, LimitNOFILE=), or bound its "
                "connections.",
                instance=top.entity.instance,
                pid=top.entity.pid,
                strength=1.0,
                signals=len(evidence),
            ),
        )
    )
