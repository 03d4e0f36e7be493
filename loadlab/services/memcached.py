"""memcached: a cache and a store of sessions in memory, on loopback.

What: one server an instance. `{name.url}` is memcached://127.0.0.1:port. What it has no option for here is in
`settings`, by the names of its command line: settings = { "max-item-size" = "2m" }.
"""

from __future__ import annotations

from loadlab.services import Names, Plan, ProcessPlan, Server, _balancing, _templates, _values
from loadlab.spec.model import ServiceSpec, Spec, size_bytes

ROLE = "cache"
WITH = ("maxmemory", "connections", "threads", "settings", "binary")
MEMORY = "64MiB"
CONNECTIONS = 1024
"""Both its own defaults, said so that they are in the recording."""
ITEM_MIB = 1
"""Its own default of the largest item, of which it wants room for two."""


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Unknown keys, a size that is none, numbers that are none."""
    given = service.with_
    found = _values.unknown(given, WITH, "memcached") + _values.size(given, "maxmemory")
    for key in ("connections", "threads"):
        if not _balancing.counts(given.get(key, 1), 1):
            found.append(f"{key} is a whole number from 1 up")
    if "maxmemory" in given and not found and size_bytes(given["maxmemory"]) < 1 << 20:
        found.append(f'maxmemory = "{given["maxmemory"]}": memcached counts in whole MiB; give at least "1MiB"')
    return found + _values.table(given, "memcached", '"max-item-size" = "2m"')


def plan(service: ServiceSpec, names: Names) -> Plan:
    """One server an instance. Raises ServerMissing."""
    server = names.server("memcached", service)
    processes = tuple(_process(service, names, server, each) for each in range(service.instances))
    url = f"memcached://{names.host(service.name)}:{names.ports(service.name)[0]}"
    return Plan(service.name, service.role or ROLE, service.unit, processes, url=url, version=server.version)


def _process(service: ServiceSpec, names: Names, server: Server, instance: int) -> ProcessPlan:
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    given = _templates.filled(service.with_, lambda text: names.fill(text, service.name, instance))
    mib = max(1, round(size_bytes(given.get("maxmemory", MEMORY)) / (1 << 20)))
    options = {
        "listen": "127.0.0.1",
        "port": port,
        "udp-port": 0,
        "memory-limit": mib,
        **({"max-item-size": f"{mib * 512}k"} if mib < 2 * ITEM_MIB else {}),
        "conn-limit": given.get("connections", CONNECTIONS),
        "threads": given.get("threads", 1),
        **({"user": "root"} if names.uid == 0 else {}),  # else it refuses; everything here runs as whoever runs loadlab
        **given.get("settings", {}),
    }
    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=(str(server.path), *(f"--{key}={each}" for key, each in options.items())),
        cwd=folder,
        folder=folder,
        env={key: names.fill(value, service.name, instance) for key, value in service.env.items()},
        ports=(port,),
        status={"memcached": str(port)},
    )
