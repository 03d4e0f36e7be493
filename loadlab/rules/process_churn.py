"""A program is started for every request

What: the service is limited by CPU, and over a third of it is used by programs that it starts, waits for, and that end
within moments.
Why: starting a program costs more than most answers: memory is copied, files are loaded, a runtime is made ready, and
all of it is thrown away afterwards. More workers or threads only start more of them at once, on the same cores.
Fix: do the work in the process (a library instead of the tool), keep the program running and hand it one task after the
other, or remember what it answered.
Not: event_loop_blocked and worker_pool_exhausted: there cores are idle while requests wait for the program;
kernel_time: there the calls are the service's own; cpu_neighbour: there the programs are somebody else's.
Python: a library for what subprocess.run asks a tool for (pygit2, Pillow, pikepdf); a long-lived Popen behind a pipe or
`git cat-file --batch`; functools.lru_cache or a store for answers that repeat.
Node: a library or a native addon (sharp, isomorphic-git) instead of execFile; one spawned helper with its stdin kept
open; a cache of its answers.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.rules._cpu import bound
from loadlab.rules._importing import BEFORE, importing
from loadlab.signals import Signals

BRANCH = "cpu"
STEP = "keep_running"
RANK = 55
AT_LIMIT = True
ELASTIC = False
COVERS = (
    "single_core",
    "all_cores",
    "kernel_time",
    "thread_pool_exhausted",
    "worker_pool_exhausted",
    "event_loop_blocked",
)
"""With full cores, whoever waits for a program waits for them. A stop of the service hides in that wait (ELASTIC)."""
LIFTS = ()
SPARES = True
NEEDS = ("stations", "cpu", "host", "latency")
USES = ("starting", "hot")

PROGRAMS = 1 / 3
"""Share of the service's CPU, from which on its programs are named rather than the cores: as much as one line must take
to be made cheaper first (single_core)."""


def check(s: Signals) -> Verdict:
    """Each service of the user's own; a database's or a cache's processes are its own way to work."""
    own = [each.name for each in s.meta.services if each.role in ("app", "worker", "external")]
    found = [fault for name in own if name in s.cpu.services for fault in _service(s, name)]
    return Found(tuple(found)) if found else Clear("no service spends much of its CPU in programs it starts")


def _service(s: Signals, name: str) -> list[Fault]:
    service = s.cpu.services[name]
    share = service.ended.cores / service.cores if service.cores > 0 else 0.0
    why = bound(s, name) if share >= PROGRAMS else ""
    if not why:
        return []
    where = blame(s.starting.get(name))
    rps = s.latency.rps + s.latency.failed_rps
    evidence = [
        Evidence("programs", share, f"{percent(share)} of its CPU was used by programs that had ended again", PROGRAMS),
        Evidence("cores", service.cores, f"it used {service.cores:.2f} cores with them: {why}"),
    ]
    if name == s.meta.target and rps > 0:
        each_ms = 1000 * service.ended.cores / rps
        evidence.append(Evidence("program_ms", each_ms, f"they took {each_ms:.1f} ms of CPU for each request"))
    if service.ended.program:
        seen = f"of those seen while they ran, most were {service.ended.program}"
        evidence.append(Evidence("program", 1.0, seen))
    more = importing(s, name)
    evidence += more
    program = f" ({service.ended.program})" if service.ended.program else ""
    remedy = (
        "Do it in the process with a library, keep one such program running and hand it the work, or remember "
        "what it answered; more workers would only start more of them at once."
    )
    return [
        Fault(
            name,
            f"{name} spends {percent(share)} of its CPU in programs started for requests{program}{at(where)}",
            tuple(evidence),
            f"{BEFORE} Else: {remedy[0].lower()}{remedy[1:]}" if more else remedy,
            where=where,
            strength=share,
            signals=2,
        )
    ]
