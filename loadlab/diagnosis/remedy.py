"""Which change of a system tries a verdict's remedy: a spec, or why there is none. Pure; experiments/trial.py acts.

What the user named in `remedies` comes first; then what loadlab can do to any system: more instances, a balancer before
them, another strategy, a limit of its own raised, a replica more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from loadlab.diagnosis.model import Finding
from loadlab.spec.model import Change, ServiceSpec, Spec

WORKERS = ("cluster", "processes", "more_workers")
"""Steps that come to the same: more processes that serve."""

BALANCER = "loadlab-balancer"


@dataclass(frozen=True)
class Attempt:
    """before, after: the system without and with the change, no port fixed, so that both can run at once. times: by how
    much the change widens the place, where that caps what it can bring. sql: a file that `after` runs, by its name."""

    before: Spec
    after: Spec
    says: str
    times: float | None = None
    sql: tuple[str, str] | None = None


@dataclass(frozen=True)
class No:
    """Why nothing can be tried."""

    why: str


def pick(spec: Spec, finding: Finding, model: str = "closed") -> Attempt | No:
    """The change for a finding, or why there is none."""
    if model == "open":
        return No("an open profile asks for a fixed rate, so throughput cannot rise; use a closed one")
    freed = _without_ports(spec)
    if isinstance(freed, No):
        return freed
    named = _named(freed, finding)
    if named is not None:
        return named
    way = WAYS.get(finding.remedy.step)
    service = next((each for each in freed.service if each.name == finding.service), None)
    if way is None or service is None:
        return No(
            f"loadlab cannot do this by itself ({finding.remedy.step}); if a variable of the service can, name it: "
            f'remedies = {{ {finding.remedy.step} = {{ env = "NAME", to = "VALUE" }} }}'
        )
    chosen = way(freed, service)
    for name in finding.along:  # true of all alike: one alone would only find the next in its way
        further = next((each for each in freed.service if each.name == name), None)
        if further is None or isinstance(chosen, No):
            break
        also = way(chosen.after, further)
        if isinstance(also, No):
            return also
        chosen = replace(chosen, after=also.after, says=f"{chosen.says} and {also.says}")
    return chosen


def _without_ports(spec: Spec) -> Spec | No:
    """Both systems run at once, so each needs ports of its own."""
    services = []
    for each in spec.service:
        if each.attach is not None:
            return No(f"{each.name} was not started by loadlab, so there is no second one to change")
        if each.port is not None and each.command is not None and "{port}" not in _text(each):
            return No(f"{each.name} has a port of its own (write {{port}} in its command), so no second one can run")
        services.append(each.model_copy(update={"port": None}))
    return spec.model_copy(update={"service": tuple(services)})


def _text(service: ServiceSpec) -> str:
    return " ".join([*(service.command or ()), *service.env.values(), *map(str, service.with_.values())])


def _named(spec: Spec, finding: Finding) -> Attempt | None:
    """The user's own way: at the service that is to blame, else at whichever has one for this step."""
    steps = WORKERS if finding.remedy.step in WORKERS else (finding.remedy.step,)
    ordered = sorted(spec.service, key=lambda each: each.name != finding.service)
    for service in ordered:
        for step in steps:
            if step in service.remedies:
                return _changed(spec, service, service.remedies[step])
    return None


def _changed(spec: Spec, service: ServiceSpec, change: Change) -> Attempt:
    if change.sql is not None:
        name = f"{service.name}-remedy.sql"
        return Attempt(spec, spec, f"{service.name} after: {change.sql.strip()}", sql=(name, change.sql))
    name, old = change.env or "", service.env.get(change.env or "")
    new = _shown(float(old or 0) * change.times) if change.times is not None else _shown(change.to)
    after = service.model_copy(update={"env": {**service.env, name: new}})
    was = f" instead of {old}" if old is not None else ""
    return Attempt(spec, _with(spec, after), f"{service.name} with {name}={new}{was}", _times(old, new))


def _shown(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _times(old: str | None, new: str) -> float | None:
    try:
        factor = float(new) / float(old or "")
    except (ValueError, ZeroDivisionError):
        return None
    return factor if factor > 1 else None


def _with(spec: Spec, *changed: ServiceSpec) -> Spec:
    by_name = {each.name: each for each in changed}
    return spec.model_copy(update={"service": tuple(by_name.get(each.name, each) for each in spec.service)})


def _balancers(spec: Spec, service: str) -> list[ServiceSpec]:
    def behind(each: ServiceSpec) -> bool:
        upstream = each.with_.get("upstream", ())
        return upstream == service or (isinstance(upstream, list | tuple) and service in upstream)

    return [each for each in spec.service if behind(each)]


def _more_instances(spec: Spec, service: ServiceSpec) -> Attempt | No:
    if service.command is None:
        return No(f"{service.name} is a server that keeps state: a second one would not share it")
    if service.autoscale is not None:
        return No(f"{service.name} is scaled by its own rule (autoscale); raise its max")
    count = 2 * service.instances
    says = f"{count} instances of {service.name} instead of {service.instances}"
    more = service.model_copy(update={"instances": count})
    balancers = _balancers(spec, service.name)
    if any(each.with_.get("weights") or "config" in each.with_ for each in balancers):
        return No(f"the balancer before {service.name} is configured for just these instances (weights or config)")
    if balancers:
        return Attempt(spec, _with(spec, more), says, 2.0)
    return _behind_a_balancer(spec, more, says)


def _behind_a_balancer(spec: Spec, more: ServiceSpec, says: str) -> Attempt | No:
    """A service that only the load calls can get nginx before it."""
    if spec.target.name != more.name or any(f"{{{more.name}." in _text(each) for each in spec.service):
        return No(f"other services call {more.name} directly, so they would not see more instances of it")
    if more.scheme == "https" or "{port}" not in _text(more):
        return No(f"{more.name} is not told its port ({{port}}) or speaks https, so no balancer can stand before it")
    balancer = ServiceSpec.model_validate(
        {"name": BALANCER, "uses": "nginx", "role": "balancer", "with": {"upstream": more.name}}
    )
    after = _with(spec, more)
    load = spec.load.model_copy(update={"target": BALANCER})
    after = after.model_copy(update={"service": (*after.service, balancer), "load": load})
    return Attempt(spec, after, f"{says}, behind nginx", 2.0)


def _strategy(spec: Spec, service: ServiceSpec) -> Attempt | No:
    balancer = next(iter(_balancers(spec, service.name)), None)
    if balancer is None or "config" in balancer.with_:
        return No(f"no balancer that loadlab configures stands before {service.name}")
    old = balancer.with_.get("strategy", "round_robin")
    kept = {key: value for key, value in balancer.with_.items() if key not in ("cookie", "weights")}
    if old == "least_conn" and len(kept) == len(balancer.with_):
        return No(f"{balancer.name} already balances by least connections")
    after = balancer.model_copy(update={"with_": {**kept, "strategy": "least_conn"}})
    return Attempt(spec, _with(spec, after), f"{balancer.name} balancing by least connections instead of {old}")


def _raised(name: str, factor: int) -> Callable[[Spec, ServiceSpec], Attempt | No]:
    """A limit in `limits` so many times as high."""

    def raised(spec: Spec, service: ServiceSpec) -> Attempt | No:
        old = getattr(service.limits, name, None)
        if service.limits is None or old is None:
            return No(f"{service.name} has no limits.{name} of loadlab's to raise")
        after = service.model_copy(update={"limits": service.limits.model_copy(update={name: factor * old})})
        says = f"{service.name} with limits.{name} = {factor * old:g} instead of {old:g}"
        return Attempt(spec, _with(spec, after), says, float(factor))

    return raised


def _raised_limit(spec: Spec, service: ServiceSpec) -> Attempt | No:
    """Of a balancer the connections it allows; of any other its open files."""
    keys = [key for key in ("server_maxconn", "maxconn") if isinstance(service.with_.get(key), int)]
    if not keys:
        return _raised("files", 4)(spec, service)
    new = {key: 4 * service.with_[key] for key in keys}
    after = service.model_copy(update={"with_": {**service.with_, **new}})
    says = ", ".join(f"{key} = {new[key]} instead of {service.with_[key]}" for key in keys)
    return Attempt(spec, _with(spec, after), f"{service.name} with {says}", 4.0)


def _replica(spec: Spec, service: ServiceSpec) -> Attempt | No:
    if not any(f"{{{service.name}.replica_urls}}" in _text(each) for each in spec.service):
        return No(f"no service asks for {{{service.name}.replica_urls}}, so nobody would read from a replica")
    count = int(service.with_.get("replicas", 0)) + 1
    after = service.model_copy(update={"with_": {**service.with_, "replicas": count}})
    return Attempt(spec, _with(spec, after), f"{service.name} with {count} replicas instead of {count - 1}")


def _threads(spec: Spec, service: ServiceSpec) -> Attempt | No:
    """HAProxy has threads, nginx workers; each starts with one."""
    if service.uses not in ("haproxy", "nginx") or "config" in service.with_:
        return No(f"{service.name} is no balancer that loadlab configures")
    settings = dict(service.with_.get("settings", {}))
    given, key = (service.with_, "threads") if service.uses == "haproxy" else (settings, "worker_processes")
    count = 2 * int(given.get(key, 1)) if str(given.get(key, 1)).isdigit() else 0
    if not count:
        return No(f"{service.name} has {key} = {given[key]} already")
    changed = {key: count} if service.uses == "haproxy" else {"settings": {**settings, key: count}}
    after = service.model_copy(update={"with_": {**service.with_, **changed}})
    return Attempt(spec, _with(spec, after), f"{service.name} with {key} = {count} instead of {count // 2}", 2.0)


def _elsewhere(_spec: Spec, _service: ServiceSpec) -> No:
    return No("it takes another machine: more instances on this one would only take turns")


WAYS: Mapping[str, Callable[[Spec, ServiceSpec], Attempt | No]] = {
    **dict.fromkeys(WORKERS, _more_instances),
    "more_consumers": _more_instances,
    "horizontal": _elsewhere,
    "least_connections": _strategy,
    "raise_quota": _raised("cpu", 2),
    "raise_limit": _raised_limit,
    "read_replicas": _replica,
    "more_balancer_threads": _threads,
}
"""By the step of a remedy."""


def with_file(attempt: Attempt, path: str) -> Attempt:
    """`after` running the SQL that was written to this path, after its other files."""
    if attempt.sql is None:
        return attempt
    name = attempt.sql[0].removesuffix("-remedy.sql")
    service = next(each for each in attempt.after.service if each.name == name)
    old = service.with_.get("init", [])
    files = [*([old] if isinstance(old, str) else old), path]
    changed = service.model_copy(update={"with_": {**service.with_, "init": files}})
    return replace(attempt, after=_with(attempt.after, changed))
