"""How much of a request's time is a database's: three views of it, none of which needs the application's help."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import cpu, databases, edges, host, measurement, quota
from loadlab.signals.missing import Missing

WAITING = 0.5
"""Share of the requests in a caller that are outstanding at the database: past half, that is where time goes."""

AT_WORK = 0.7
"""Share of its connections that are in a statement. A pool hands a connection on at once while requests wait for one;
what is left then is the way between the two processes."""

OF_CPU = 0.5
"""Share of the system's CPU that is the database's, on a machine without idle cores."""

FULL_HOST = 0.15
"""Share of the cores that may be idle on a full machine: schedulers leave a few per cent."""


@dataclass(frozen=True)
class Pressure:
    """One database. waited: share of the requests in its caller that were outstanding at it. inside: requests in that
    caller; connections: its own to the database; under_way: requests outstanding from that caller at anybody. at_work:
    share of its connections that were in a statement. of_cpu: the database's share of the system's CPU; host_idle:
    share of all cores idle; quota: cores allowed to one of its servers that used them up, None where none did."""

    service: str
    caller: str
    waited: float
    inside: float
    connections: float
    under_way: float
    at_work: float
    of_cpu: float
    cores: float
    host_idle: float
    quota: float | None = None

    @property
    def full(self) -> bool:
        """Whether it uses up the machine's cores, or those it may use."""
        return self.quota is not None or (self.host_idle <= FULL_HOST and self.of_cpu >= OF_CPU)

    @property
    def decides(self) -> bool:
        """Whether what happens in it is most of what happens to a request."""
        return self.waited >= WAITING or self.at_work >= AT_WORK or self.full

    @property
    def says(self) -> str:
        """The strongest of the three, in words."""
        if self.waited >= WAITING:
            return f"{100 * self.waited:.0f}% of the requests in {self.caller} were waiting for {self.service}"
        if self.at_work >= AT_WORK:
            return f"the connections to {self.service} were in a statement {100 * self.at_work:.0f}% of the time"
        if self.quota is not None:
            return f"{self.service} used up the {self.quota:g} cores it is allowed"
        return f"{self.service} took {100 * self.of_cpu:.0f}% of the CPU the system used"


def compute(recording: Recording) -> dict[str, Pressure]:
    """By service. Raises Missing where the databases, processes or the host were not seen."""
    seen = databases.compute(recording)
    if not seen.servers:
        return {}
    used, machine = cpu.compute(recording), host.compute(recording)
    return {name: _pressure(recording, name, seen, used, machine) for name in seen.services}


def _pressure(
    recording: Recording, name: str, seen: databases.Databases, used: cpu.Cpu, machine: host.Host
) -> Pressure:
    waited, caller, inside, own, under_way = _waited(recording, name)
    connections = seen.sessions(name, "connections")
    mine = used.services.get(name)
    cores = mine.cores if mine is not None else 0.0
    return Pressure(
        name,
        caller,
        waited,
        inside,
        own or connections,
        under_way,
        seen.sessions(name, "active") / connections if connections >= 0.5 else 0.0,
        cores / used.system_cores if used.system_cores > 0 else 0.0,
        cores,
        machine.idle_share,
        _used_up(recording, name),
    )


def _used_up(recording: Recording, name: str) -> float | None:
    mine = (each for each in quota.compute(recording).all if each.entity.service == name)
    return max((each.cores for each in mine if each.used >= quota.USED_UP * each.cores), default=None)


def _waited(recording: Recording, name: str) -> tuple[float, str, float, float, float]:
    """(share, name, requests, connections, outstanding anywhere) of the caller most of whose requests wait for it."""
    try:
        calls = edges.compute(recording)
    except Missing:
        return 0.0, "", 0.0, 0.0, 0.0
    shares = []
    for source in sorted(calls.callers(name)):
        edge = calls.between(source, name)
        inside = calls.into(source)
        if source == recording.meta.target:
            inside = max(inside, measurement.compute(recording).generator.in_flight)
        if edge is not None and source != name and inside > 0:
            everywhere = sum(each.outstanding for each in calls.out_of(source))
            shares.append((min(1.0, edge.outstanding / inside), source, inside, edge.connections, everywhere))
    return max(shares, default=(0.0, "", 0.0, 0.0, 0.0))
