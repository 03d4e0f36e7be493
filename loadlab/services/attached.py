"""Something that already runs, found by port or pid, or only an address.

What: nothing is started, and nothing is ever stopped; where there is a process, it is watched with its children.
"""

from __future__ import annotations

from loadlab.services import Names, Plan
from loadlab.spec.model import ServiceSpec, Spec

ROLE = "app"


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Nothing beyond what holds for every service: whether it runs is seen when the run starts."""
    return []


def plan(service: ServiceSpec, names: Names) -> Plan:
    """The roots of its process trees. Raises ServiceError where there is nobody."""
    found = names.found(service)
    return Plan(
        service.name,
        service.role or ROLE,
        service.unit,
        (),
        attached_pids=found.pids,
        url=names.url(service.name),
        attached_ports=found.ports,
    )
