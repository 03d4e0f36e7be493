"""PM2: a Node program in one process per core, under the process manager many are deployed with.

What: pm2-runtime in the foreground, with a PM2_HOME of its own inside the recording, so that nothing stays and no other
PM2 is touched. `script` is run in cluster mode, with `instances` as PM2 counts them ("max", 0, 4, -1; default "max");
`ecosystem` is a file of yours, run as it is. Both get the port as PORT, and the rest of `env`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from loadlab.errors import ServiceError
from loadlab.services import Names, Plan, ProcessPlan, _setup, _values
from loadlab.spec.model import ServiceSpec, Spec

ROLE = "app"
WITH = ("script", "ecosystem", "instances")
RUNTIME = "pm2-runtime"
SOCKET_BYTES = 107
"""The longest name that Linux allows for a socket in the file system."""


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Neither or both of script and ecosystem, a file that is not there, instances that PM2 does not know, no PM2."""
    given, cwd = service.with_, spec.folder / service.cwd
    found = _values.unknown(given, WITH, "pm2")
    named = [key for key in ("script", "ecosystem") if key in given]
    if len(named) != 1:
        found.append('needs either script = "server.js" or ecosystem = "ecosystem.config.js"')
    found += [f"{key} = {given[key]!r}: there is no such file in {cwd}" for key in named if not _file(cwd, given[key])]
    instances = given.get("instances", "max")
    if instances != "max" and (not isinstance(instances, int) or isinstance(instances, bool)):
        found.append('instances is "max" or a whole number: 0 is a process per core, -1 one less')
    if "instances" in given and "ecosystem" in given:
        found.append("instances stands in the ecosystem file; PM2 takes no other word for it")
    return found + _setup.node_problems((RUNTIME,), service.setup, cwd)


def plan(service: ServiceSpec, names: Names) -> Plan:
    """One PM2 an instance of the service. Raises ServiceError where its sockets would have too long a name."""
    processes = tuple(_process(service, names, each) for each in range(service.instances))
    return Plan(service.name, service.role or ROLE, service.unit, processes, url=names.url(service.name))


def _process(service: ServiceSpec, names: Names, instance: int) -> ProcessPlan:
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    cwd = (names.spec.folder / service.cwd).resolve()
    if len(os.fsencode(folder / "interactor.sock")) > SOCKET_BYTES:
        raise ServiceError(
            f"{service.name}: {folder} is too long a name for PM2's sockets; use --runs with a shorter one"
        )
    given = service.with_
    config = {
        "name": service.name,
        "script": str(cwd / str(given.get("script", ""))),
        "cwd": str(cwd),
        "instances": given.get("instances", "max"),
        "exec_mode": "cluster",
        "vizion": False,  # else it asks git which version the script is
    }
    own = folder / "ecosystem.json"
    env = {key: names.fill(value, service.name, instance) for key, value in service.env.items()}
    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=(_runtime(cwd), "start", str(cwd / given["ecosystem"] if "ecosystem" in given else own)),
        cwd=cwd,
        folder=folder,
        env={"PORT": str(port), "PM2_DISABLE_VERSION_CHECK": "true", **env, "PM2_HOME": str(folder)},
        files={} if "ecosystem" in given else {own.name: json.dumps({"apps": [config]}, indent=2)},
        ports=(port,),
    )


def _runtime(cwd: Path) -> str:
    """The project's own where it names PM2 among its packages, which may not be installed yet; else that on PATH."""
    own = f"node_modules/.bin/{RUNTIME}"
    return own if (cwd / own).exists() or _setup.names_package(cwd, "pm2") else RUNTIME


def _file(cwd: Path, name: object) -> bool:
    return isinstance(name, str) and (cwd / name).is_file()
