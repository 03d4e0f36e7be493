"""What a run is of, written into run.json before anything starts: the spec as resolved, the services as planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadlab import __version__
from loadlab.recording import environment
from loadlab.recording.format import FORMAT
from loadlab.recording.model import Meta, ServiceMeta
from loadlab.services import Plan
from loadlab.spec.model import Profile, ServiceSpec, Spec
from loadlab.spec.order import callees


def meta(spec: Spec, profile: Profile, started_at: str) -> Meta:
    """Everything that is known before the services are planned."""
    called = callees(spec)
    return Meta(
        format=FORMAT,
        name=spec.name,
        started_at=started_at,
        loadlab=__version__,
        target=spec.target.name,
        services=tuple(_service(each, tuple(sorted(called.get(each.name, ())))) for each in spec.service),
        profile=profile.model_dump(mode="json"),
        machine=environment.take(),
        versions=environment.versions(),
        commit=environment.commit(spec.folder),
        spec=spec.model_dump(mode="json", by_alias=True),
    )


def planned(services: Sequence[ServiceMeta], plans: Sequence[Plan]) -> tuple[ServiceMeta, ...]:
    """The services with what planning decided: ports, command lines, folders."""
    by_name = {each.service: each for each in plans}
    return tuple(_with_plan(each, by_name[each.name]) if each.name in by_name else each for each in services)


def _service(spec: ServiceSpec, uses: tuple[str, ...]) -> ServiceMeta:
    upstream: Any = spec.with_.get("upstream", "")
    return ServiceMeta(
        name=spec.name,
        role=spec.role or "app",
        unit=spec.unit,
        instances=spec.at_most,
        command=spec.command or (),
        upstream=upstream if isinstance(upstream, str) else "",
        uses=uses,
        limits=spec.limits.model_dump(exclude_none=True) if spec.limits else {},
        autoscale=spec.autoscale.model_dump() if spec.autoscale else {},
        scheme=spec.scheme,
    )


def _with_plan(service: ServiceMeta, plan: Plan) -> ServiceMeta:
    first = plan.processes[0] if plan.processes else None
    return ServiceMeta(
        name=service.name,
        role=plan.role,
        unit=plan.unit,
        instances=max(1, len(plan.all_processes)),
        command=first.argv if first else service.command,
        cwd=str(first.cwd) if first else service.cwd,
        ports=tuple(port for each in plan.all_processes for port in each.ports[:1]),
        upstream=service.upstream,
        uses=service.uses,
        limits=service.limits,
        version=plan.version or service.version,
        autoscale=service.autoscale,
        scheme=service.scheme,
    )
