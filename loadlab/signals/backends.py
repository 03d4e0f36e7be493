"""How requests and their time are shared among the instances behind a balancer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from loadlab.recording.model import Recording, Series, ServiceMeta
from loadlab.signals import calls, cpu, edges, scaling
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, mean
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Backend:
    """One instance. share: of the group's requests; mean_ms: time the balancer waited for it, None where not logged;
    unloaded_ms: the same while there were at most as many users as instances, so next to no queues; cores: CPU it used;
    outstanding: requests waiting on it (mean)."""

    instance: int
    requests: float
    share: float
    mean_ms: float | None
    failures: float
    cores: float
    outstanding: float
    unloaded_ms: float | None = None


@dataclass(frozen=True)
class Group:
    """All instances of one service behind one balancer."""

    service: str
    balancer: str
    backends: tuple[Backend, ...]


@dataclass(frozen=True)
class Backends:
    """Every group of two instances or more."""

    groups: tuple[Group, ...]


def compute(recording: Recording) -> Backends:
    """Raises Missing where a balancer runs and neither its log nor its connections gave anything. Whoever has
    connections to several instances shares out requests, too: of it there is no log, so that times are not known, but
    what went to each is counted; so, too, of a balancer whose log or statistics its own configuration keeps away."""
    balancers = [each for each in recording.meta.services if each.upstream]
    window = measured(recording)
    groups: list[Group | None] = []
    for balancer in balancers:
        service = next((each for each in recording.meta.services if each.name == balancer.upstream), None)
        if service is not None and len(_instances(recording, service, window)) > 1:
            groups.append(_logged(recording, balancer, service, window) or _unlogged(recording, service, window))
            if groups[-1] is None:
                raise Missing(f"{balancer.name} logged no request to {service.name}")
    known = {each.service for each in groups if each is not None}
    others = (_unlogged(recording, each, window) for each in recording.meta.services if each.name not in known)
    return Backends(tuple(each for each in (*groups, *others) if each is not None))


def _unlogged(recording: Recording, service: ServiceMeta, window: Window) -> Group | None:
    """Of instances that are no primary with its replicas; None where nobody asks several of them."""
    instances = _instances(recording, service, window)
    if len(instances) < 2 or service.role == "database":
        return None
    asked = calls.by_instance(recording, service.name, window)
    sources = {source for source, _ in asked if source not in ("generator", "loadlab", service.name)}
    counted = {
        source: {instance: asked.get((source, instance), 0.0) for instance in instances} for source in sorted(sources)
    }
    several = [each for each in counted if sum(count > 0 for count in counted[each].values()) > 1]
    if not several:
        return None
    balancer = max(several, key=lambda each: sum(counted[each].values()))
    requests = counted[balancer]
    used, waiting, total = _cores(recording, service, window), _waiting(recording, service), sum(requests.values())
    return Group(
        service.name,
        balancer,
        tuple(
            Backend(each, requests[each], requests[each] / total, None, 0.0, used[each], waiting.get(each, 0.0))
            for each in instances
        ),
    )


def _instances(recording: Recording, service: ServiceMeta, window: Window) -> tuple[int, ...]:
    """Those that can be compared: of a scaled service only who took requests all the time."""
    if service.autoscale:
        return scaling.throughout(recording, service.name, window)
    return tuple(range(service.instances))


def _logged(recording: Recording, balancer: ServiceMeta, service: ServiceMeta, window: Window) -> Group | None:
    instances = _instances(recording, service, window)
    counted = _by_instance(recording, balancer.name, service, "requests", window)
    requests = {each: count for each, count in counted.items() if each in instances}
    total = sum(requests.values())
    if total <= 0:
        return None
    seconds = _by_instance(recording, balancer.name, service, "response_time_s", window)
    failures = _by_instance(recording, balancer.name, service, "failures", window)
    used, waiting = _cores(recording, service, window), _waiting(recording, service)
    unloaded = _unloaded(recording, balancer.name, service)
    means = _means(recording, balancer.name, service, window)
    means |= {each: 1000 * seconds[each] / requests[each] for each in seconds if requests.get(each)}
    backends = tuple(
        Backend(
            instance,
            requests.get(instance, 0.0),
            requests.get(instance, 0.0) / total,
            means.get(instance),
            failures.get(instance, 0.0),
            used[instance],
            waiting.get(instance, 0.0),
            unloaded.get(instance),
        )
        for instance in instances
    )
    return Group(service.name, balancer.name, backends)


def _cores(recording: Recording, service: ServiceMeta, window: Window) -> dict[int, float]:
    used: dict[int, float] = defaultdict(float)
    for each in cpu.processes(recording, window):
        if each.entity.service == service.name:
            used[each.entity.instance] += each.cores
    return used


def _waiting(recording: Recording, service: ServiceMeta) -> dict[int | None, float]:
    """Requests outstanding, by instance; nothing where connections were not sampled."""
    try:
        return {each.instance: each.outstanding for each in edges.compute(recording).all if each.to == service.name}
    except Missing:
        return {}


def _unloaded(recording: Recording, balancer: str, service: ServiceMeta) -> dict[int, float]:
    """Mean milliseconds by instance over the levels with hardly any queueing."""
    fewest = int(service.autoscale.get("min", service.instances))
    counts: dict[int, float] = defaultdict(float)
    seconds: dict[int, float] = defaultdict(float)
    for level in recording.levels:
        if 0 < level.users <= fewest and level.phase == "search":
            window = Window(level.start, level.end)
            for instance, count in _by_instance(recording, balancer, service, "requests", window).items():
                counts[instance] += count
            for instance, time in _by_instance(recording, balancer, service, "response_time_s", window).items():
                seconds[instance] += time
    return {each: 1000 * seconds[each] / counts[each] for each in counts if counts[each] >= FEWEST_UNLOADED}


FEWEST_UNLOADED = 20
"""Requests of one instance: their mean is known to about a fifth."""


def _by_instance(
    recording: Recording, balancer: str, service: ServiceMeta, metric: str, window: Window
) -> dict[int, float]:
    ports = {str(port): index for index, port in enumerate(service.ports)}
    found: dict[int, float] = defaultdict(float)
    for probe in ("nginx", "haproxy"):
        for series in recording.series(f"{probe}.{metric}", service=balancer):
            instance = ports.get(_port(series))
            if instance is not None:
                found[instance] += increase(series, window)
    return found


def _means(recording: Recording, balancer: str, service: ServiceMeta, window: Window) -> dict[int, float]:
    """Milliseconds by instance, where the balancer keeps means and not sums, as HAProxy does."""
    ports = {str(port): index for index, port in enumerate(service.ports)}
    found: dict[int, float] = defaultdict(float)
    for metric in ("connect_ms", "response_ms"):
        for series in recording.series(f"haproxy.{metric}", service=balancer):
            instance, value = ports.get(_port(series)), mean(series, window)
            if instance is not None and value is not None:
                found[instance] += value
    return found


def _port(series: Series) -> str:
    return series.entity.name.rpartition(":")[2]
