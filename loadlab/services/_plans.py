"""From a Spec to plans: each service's unit plans its processes; what holds for every service is added here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from loadlab.catalogue import units
from loadlab.services import Plan, ProcessPlan
from loadlab.services._names import RunNames
from loadlab.spec.model import Ready, ServiceSpec, Spec
from loadlab.spec.order import needs


def plan_all(spec: Spec, folder: Path, names: RunNames | None = None) -> tuple[Plan, ...]:
    """The plan of each service, in the order in which they start. Pure but for ports, which are drawn and held, and for
    looking for servers and attached processes. `folder`: the recording's.

    Raises ServiceError (nobody to attach to), ServerMissing, SpecError (a template).
    """
    known = names or RunNames(spec, folder)
    by_name = {each.name: each for each in spec.service}
    plans = []
    for name, after in needs(spec).items():
        service = by_name[name]
        plan = replace(plan_one(service, spec, known), after=after)
        known.learn(plan)
        plans.append(plan)
    return tuple(plans)


def plan_one(service: ServiceSpec, spec: Spec, names: RunNames) -> Plan:
    """The plan of one service, as `names` stand now. Raises what plan_all raises."""
    made: Plan = units("services")[service.unit].plan(service, names)
    return replace(
        made,
        processes=tuple(_completed(each, service, names) for each in made.processes),
        standby=tuple(_completed(each, service, names) for each in made.standby),
    )


def _completed(process: ProcessPlan, service: ServiceSpec, names: RunNames) -> ProcessPlan:
    """What a service may say whatever its unit is."""
    network = names.network(service.name, process.instance)
    return replace(
        process,
        host=network.address if network is not None else process.host,
        network=network,
        scheme=service.scheme,
        ready=_ready(service.ready or process.ready, bool(process.ports)),
        pass_env=service.pass_env,
        limits=service.limits,
        restart=service.restart == "on-exit",
        setup=service.setup or (),
        verify=service.verify,
        ca=names.spec.folder / service.ca if service.ca is not None else None,
    )


def _ready(given: Ready, has_port: bool) -> Ready:
    """tcp where there is a port; without one, alive for half a second, which is what an empty Ready means."""
    if given.http is not None or given.log is not None or not has_port:
        return given
    return given.model_copy(update={"tcp": True})
