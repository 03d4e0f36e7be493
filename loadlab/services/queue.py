"""A queue, whichever is here: RabbitMQ, else a Valkey or Redis whose streams are used as one.

What: an application reads in `{name.url}` which it got: amqp://... or redis://...; the recording and the report say
which server it was, and its version. `broker` decides instead of what is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from loadlab.errors import ServerMissing
from loadlab.services import Names, Plan, _values, rabbitmq, redis
from loadlab.spec.model import ServiceSpec, Spec

ROLE = "queue"
WITH = ("broker", "settings")
PLANS: Mapping[str, Callable[[ServiceSpec, Names], Plan]] = {"rabbitmq": rabbitmq.plan, "redis": redis.plan}


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Unknown keys, a broker nobody knows, settings without a broker they are for."""
    given = service.with_
    found = _values.unknown(given, WITH, "queue")
    if given.get("broker", "redis") not in PLANS:
        found.append(f"broker = {given['broker']!r} is none of {', '.join(PLANS)}; left out, it is the first found")
    if "settings" in given and "broker" not in given:
        found.append('settings are those of one server: say which, as in broker = "redis"')
    return found + _values.table(given, "the broker", "maxclients = 100")


def plan(service: ServiceSpec, names: Names) -> Plan:
    """The plan of the broker found. Raises ServerMissing."""
    name = service.with_.get("broker") or _found(service, names)
    settings = {key: each for key, each in service.with_.items() if key == "settings"}
    chosen = service.model_copy(update={"uses": name, "with_": settings, "role": service.role or ROLE})
    return replace(PLANS[name](chosen, names), unit=name)


def _found(service: ServiceSpec, names: Names) -> str:
    try:
        names.server("rabbitmq", service)
    except ServerMissing:
        return "redis"
    return "rabbitmq"
