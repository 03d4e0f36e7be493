"""The load generator was the limit

What: the generator used up its own core, or had no local port or no open file left for its connections, or slowing it
cost as much throughput as slowing nothing else did. The figures say how fast loadlab can ask, not how fast the system
can answer.
Why: a saturated generator reports its own queue as the server's latency, so nothing else is claimed of such a run.
Fix: more processes of it where cores are free (--processes), a core of its own, or another host; more expensive
requests; without ports, let users keep their connections (keep_alive); without files, raise the open-file limit
(ulimit -Hn) or ask for fewer users.
Not: single_core of the system: there the generator has time left; schedule_missed: there single requests left late,
with time left on the whole.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, percent
from loadlab.signals import Signals

BRANCH = "measurement"
STEP = "stronger_generator"
RANK = 0
AT_LIMIT = False
ELASTIC = False
NEEDS = ("measurement", "cpu")
USES = ("stations", "elasticity")

CORE_USED = 0.85
"""Cores of the generator's busiest process: users are divided among them, so none can help another. At 0.85 of an
M/M/1 station requests wait over five service times in it. Locust itself warns at 0.9, of a ten-second mean."""

HALF = 0.5
"""Half of the throughput's elasticity or more lies with the generator: no service can have more."""

LACKING = 0.01
"""Share of requests that never left for want of a local port or an open file, from which on the failures are the
generator's own."""

NOT_IDLE = 0.5
"""Cores and run delay of its process below which it had time left."""


def check(s: Signals) -> Verdict:
    """The experiment decides where there was one; else the generator's core."""
    generator = s.measurement.generator
    if s.measurement.generator.sent == 0 and generator.cores == 0:
        return Unknown("the generator was not watched")
    if max(generator.portless, generator.fileless) >= LACKING:
        return Found(
            (_fileless(generator.fileless) if generator.fileless >= LACKING else _portless(generator.portless),)
        )
    proof = s.elasticity.get("generator")
    others = [each.value for name, each in s.elasticity.items() if name != "generator"]
    if generator.cores + generator.run_delay < NOT_IDLE:
        # Utilisation law: what idles half of the time limits nobody, whatever a short experiment says.
        return Clear(f"it used {percent(generator.cores)} of its core")
    service_full = any(each.full for each in s.stations.all)
    if proof is not None and others:
        if proof.low <= max(others) and service_full and generator.cores + generator.run_delay < CORE_USED:
            # On a machine without idle cores slowing either costs as much, and noise would decide who costs more.
            return Clear("slowing it cost no more than slowing a service that had no time left, and it had some")
        if proof.value >= HALF and proof.low > 0.2 and proof.value > max(others):
            return Found((_fault(s, Evidence("elasticity", proof.value, _says(proof.value), HALF)),))
        return Clear("slowing it cost less throughput than slowing a service")
    # Without the experiment: two stations that are both full share the blame, and the service is named.
    if generator.cores >= CORE_USED and not service_full:
        return Found((_fault(s),))
    return Clear(f"it used {percent(generator.cores)} of its core")


def _portless(share: float) -> Fault:
    says = f"{percent(share)} of the requests never left: no local port was free (EADDRNOTAVAIL)"
    return Fault(
        "generator",
        "the load generator ran out of local ports, so the system was not asked",
        (Evidence("portless", share, says, LACKING),),
        "Let users keep their connections (keep_alive), or widen net.ipv4.ip_local_port_range.",
        strength=min(1.0, 0.5 + share),
        signals=2,
    )


def _fileless(share: float) -> Fault:
    says = f"{percent(share)} of the requests never left: this process may open no more files (EMFILE)"
    return Fault(
        "generator",
        "the load generator may open too few files, so the system was not asked",
        (Evidence("fileless", share, says, LACKING),),
        "Raise the hard open-file limit (ulimit -Hn; loadlab takes all it may), or ask for fewer users.",
        strength=min(1.0, 0.5 + share),
        signals=2,
    )


def _says(value: float) -> str:
    return f"slowing the generator cost {percent(value)} of that in throughput: it was the limit"


def _fault(s: Signals, *more: Evidence) -> Fault:
    cores, many = s.measurement.generator.cores, s.measurement.generator.processes
    whose = "the generator" if many == 1 else f"the busiest of the generator's {many} processes"
    used = Evidence("generator_cores", cores, f"{whose} used {percent(cores)} of its core", CORE_USED)
    return Fault(
        "generator",
        "the load generator was the limit, not the system",
        (used, *more),
        f"Give the generator more processes (--processes {2 * many}) where cores are free, or another host, or send "
        "fewer, more expensive requests.",
        strength=min(1.0, cores),
        signals=1 + len(more),
    )
