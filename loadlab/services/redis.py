"""Redis or Valkey: a cache, a store of sessions, a queue of streams; in memory, on loopback.

What: one server an instance, configured here: no snapshots, no log on disk, commands slower than 10 ms in its slow log.
`{name.url}` is redis://127.0.0.1:port. A service that is a queue says role = "queue": its streams and lists are then
watched for messages that wait.
"""

from __future__ import annotations

from typing import Any

from loadlab.services import Names, Plan, ProcessPlan, Server, _templates, _values
from loadlab.spec.model import ServiceSpec, Spec, size_bytes

ROLE = "cache"
WITH = ("maxmemory", "policy", "settings", "binary")
POLICIES = (
    "noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random",
    "volatile-ttl",
)  # fmt: skip
SLOW_US = 10_000
"""The server's own default: three orders of magnitude above a GET."""
SCRATCH = ("dump.rdb", "appendonlydir")


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Unknown keys, a size that is none, a policy the server does not have."""
    given = service.with_
    found = _values.unknown(given, WITH, "redis") + _values.size(given, "maxmemory")
    if given.get("policy", POLICIES[0]) not in POLICIES:
        found.append(f"policy = {given['policy']!r} is none of {', '.join(POLICIES)}")
    return found + _values.table(given, "redis", 'timeout = 300, "lazyfree-lazy-eviction" = true')


def plan(service: ServiceSpec, names: Names) -> Plan:
    """One server an instance. Raises ServerMissing."""
    server = names.server("redis", service)
    processes = tuple(_process(service, names, server, each) for each in range(service.instances))
    url = f"redis://{names.host(service.name)}:{names.ports(service.name)[0]}"
    version = f"{server.path.name} {server.version}".strip()
    return Plan(service.name, service.role or ROLE, service.unit, processes, url=url, version=version)


def _process(service: ServiceSpec, names: Names, server: Server, instance: int) -> ProcessPlan:
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    given = _templates.filled(service.with_, lambda text: names.fill(text, service.name, instance))
    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=(str(server.path), str(folder / "redis.conf")),
        cwd=folder,
        folder=folder,
        env={key: names.fill(value, service.name, instance) for key, value in service.env.items()},
        files={"redis.conf": configuration(given, port)},
        ports=(port,),
        scratch=SCRATCH,
        status={"redis": str(port)},
    )


def configuration(given: dict[str, Any], port: int) -> str:
    """The whole file. Its folder is the process's own: paths with spaces need no quoting."""
    ours: dict[str, Any] = {
        "bind": "127.0.0.1",
        # It takes 127.0.0.1 alone for this machine, and not an instance in a network namespace of its own.
        "protected-mode": False,
        "port": port,
        "dir": "./",
        "daemonize": False,
        "save": '""',
        "appendonly": False,
        "slowlog-log-slower-than": SLOW_US,
        "slowlog-max-len": 1024,
        "maxmemory": size_bytes(given["maxmemory"]) if "maxmemory" in given else 0,
        "maxmemory-policy": given.get("policy", "allkeys-lru" if "maxmemory" in given else "noeviction"),
        **given.get("settings", {}),
    }
    return "# Made by loadlab for one run.\n" + "".join(f"{key} {_values.text(each)}\n" for key, each in ours.items())
