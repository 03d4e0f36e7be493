"""The numbers behind a verdict, plain and JSON-ready: for the report, for other tools. What is missing is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loadlab.recording.model import Recording
from loadlab.signals import Missing, Signals
from loadlab.signals.edges import Edge
from loadlab.signals.saturation import APART


def figures(recording: Recording, s: Signals) -> dict[str, Any]:
    """One dictionary; keys as the report knows them: services, host, levels, edges, elasticity, backends, window."""
    parts: dict[str, Callable[[Signals], Any]] = {
        "window": _window,
        "services": _services,
        "host": _host,
        "levels": lambda s: _levels(recording, s),
        "saturation": _saturation,
        "edges": _edges,
        "waiting": _waiting,
        "backends": _backends,
        "elasticity": _elasticity,
        "profiles": _profiles,
        "errors": lambda _: _errors(recording),
    }
    found: dict[str, Any] = {}
    for name, part in parts.items():
        try:
            found[name] = part(s)
        except Missing:
            continue
    return found


MOST_ERRORS = 3
"""Kinds of failed requests that are told; the report has more."""


def _errors(recording: Recording) -> list[dict[str, Any]]:
    """Of the whole run, the most frequent first."""
    found = sorted(recording.errors, key=lambda each: (-each.count, each.endpoint, each.error))
    return [{"endpoint": each.endpoint, "error": each.error, "count": each.count} for each in found[:MOST_ERRORS]]


def _window(s: Signals) -> dict[str, Any]:
    return {"start": round(s.window.start, 2), "end": round(s.window.end, 2), "phase": s.window.phase}


def _services(s: Signals) -> dict[str, Any]:
    roles = {each.name: each for each in s.meta.services}
    found: dict[str, Any] = {}
    for name, service in s.cpu.services.items():
        instances = [
            {
                "instance": each.entity.instance,
                "pid": each.entity.pid,
                "command": each.entity.name,
                "cpu_cores": round(each.process.cores, 3),
                "loop_busy": round(each.busy, 3) if each.thread is not None and each.thread.serves else None,
                "blocked": round(each.thread.blocked, 3) if each.thread is not None else None,
                "run_delay": round(each.run_delay, 3),
            }
            for each in s.stations.of(name)
        ]
        busy = [each["loop_busy"] for each in instances if each["loop_busy"] is not None]
        found[name] = {
            "role": roles[name].role if name in roles else "app",
            "cpu_cores": round(service.cores, 3),
            "cpu_user_cores": round(service.user, 3),
            "cpu_system_cores": round(service.system, 3),
            "run_delay": round(service.run_delay, 3),
            "loop_busy": max(busy) if busy else None,
            "rss_bytes": _rss(s, name),
            "instances": instances,
        }
    return found


def _rss(s: Signals, name: str) -> int | None:
    try:
        return round(sum(each.last for each in s.memory.growth if each.service == name))
    except Missing:
        return None


def _host(s: Signals) -> dict[str, Any]:
    host = s.host
    return {
        "cores": host.cores,
        "busy_cores": round(host.busy, 3),
        "idle_share": round(host.idle_share, 3),
        "steal": round(host.steal_share, 4),
        "others_cores": round(host.others, 3),
        "generator_cores": round(s.cpu.generator_cores, 3),
        "observer_cores": round(s.cpu.observer_cores, 3),
        "psi_cpu": None if host.psi_cpu is None else round(host.psi_cpu, 3),
    }


def _levels(recording: Recording, s: Signals) -> list[dict[str, Any]]:
    found = []
    for step in s.saturation.steps:
        spans = [
            each
            for each in recording.levels
            if (each.users, each.rate) == (step.users, step.rate) and each.phase not in APART
        ]
        p50 = [recording.quantiles(each.start, each.end, result="ok") for each in spans]
        known = [each.p50_ms for each in p50 if each is not None]
        found.append(
            {
                "users": step.users,
                "rps": round(step.rps, 1),
                "failed_rps": round(step.failed_rps, 1),
                "p50_ms": round(min(known), 3) if known else None,
                **({"rate": round(step.rate, 2)} if step.rate else {}),
            }
        )
    return found


def _saturation(s: Signals) -> dict[str, Any]:
    saturation = s.saturation
    growth = None if saturation.growth is None else round(saturation.growth, 3)
    return {"reached": saturation.reached, "growth": growth, "says": saturation.says}


def _edges(s: Signals) -> list[dict[str, Any]]:
    return [
        {
            "from": each.source,
            "to": each.to,
            "instance": each.instance,
            "connections": round(each.connections, 1),
            "outstanding": round(each.outstanding, 2),
            "new_per_s": round(each.new, 1),
        }
        for each in s.edges.all
        if each.source != "loadlab" and _used(each)
    ]


def _waiting(s: Signals) -> dict[str, Any]:
    found = s.waiting
    return {
        "chain": list(found.chain),
        "inside": {name: round(count, 2) for name, count in sorted(found.inside.items())},
        "waits": [
            {
                "from": each.source,
                "to": each.to,
                "requests": None if each.requests is None else round(each.requests, 2),
                "threads": round(each.threads, 2),
                "share": round(each.share, 3),
            }
            for each in found.waits
        ],
    }


def _used(edge: Edge) -> bool:
    """Whether anything of it is left in the figures: a peer whose connections closed before the measured window began
    is no part of what was measured; one of short connections is, by its new ones."""
    return round(edge.connections, 1) > 0 or round(edge.outstanding, 2) > 0 or round(edge.new, 1) > 0


def _backends(s: Signals) -> list[dict[str, Any]]:
    return [
        {
            "service": group.service,
            "balancer": group.balancer,
            "instances": [
                {
                    "instance": each.instance,
                    "share": round(each.share, 3),
                    "mean_ms": None if each.mean_ms is None else round(each.mean_ms, 2),
                    "cores": round(each.cores, 3),
                    "outstanding": round(each.outstanding, 2),
                }
                for each in group.backends
            ],
        }
        for group in s.backends.groups
    ]


def _elasticity(s: Signals) -> dict[str, Any]:
    return {
        name: {
            "value": round(each.value, 3),
            "low": round(each.low, 3),
            "high": round(each.high, 3),
            "share": round(each.share, 3),
        }
        for name, each in sorted(s.elasticity.items())
    }


def _profiles(s: Signals) -> dict[str, Any]:
    def lines(many: Any) -> list[dict[str, Any]]:
        return [
            {"function": each.function, "file": each.file, "line": each.line, "share": round(each.share, 3)}
            for each in many[:5]
        ]

    return {
        name: {"cpu": lines(each.cpu), "still": lines(each.still), "samples": each.cpu_samples}
        for name, each in s.hot.services.items()
    }
