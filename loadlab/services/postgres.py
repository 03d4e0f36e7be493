"""PostgreSQL in a folder of its own, on loopback: a primary, and as many streaming replicas as are asked for.

What: made new for each run (initdb), filled from the user's SQL (`init`), analysed; its data are removed at the end.
"""

from __future__ import annotations

import json
from pathlib import Path

from loadlab.services import Names, Plan, ProcessPlan, Server, _postgres_config
from loadlab.services._postgres_config import OWNER, SUPERUSER, Config
from loadlab.spec.model import Ready, ServiceSpec, Spec

ROLE = "database"
WITH = ("init", "variables", "replicas", "settings", "binary")
MOST_REPLICAS = 8
IMMEDIATE = 3
"""SIGQUIT, at which PostgreSQL ends without writing its data to the disk: they are removed anyway."""
READY = Ready(log="database system is ready to accept (read-only )?connections", within_s=60)
UNPRIVILEGED = ("unshare", "--user", "--ipc", "--map-user=1000", "--map-group=1000")
"""PostgreSQL refuses uid 0. In a user namespace the same user has another number; no account is needed."""
STARTER = Path(__file__).with_name("_postgres_start.py")


def instances(service: ServiceSpec) -> int:
    """The primary and its replicas."""
    given = service.with_.get("replicas", 0)
    return 1 + (given if _counts(given) else 0)


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Unknown keys, impossible numbers of replicas, settings that are loadlab's."""
    given = service.with_
    problems = [f"{key} means nothing to postgres (known: {', '.join(WITH)})" for key in given if key not in WITH]
    if not _counts(given.get("replicas", 0)):
        problems.append(f"replicas is a whole number from 0 to {MOST_REPLICAS}: streaming copies of the primary")
    if service.instances != 1:
        problems.append(f"its instances are replicas: write with = {{ replicas = {service.instances - 1} }}")
    if service.port is not None and given.get("replicas"):
        problems.append("a fixed port is for one server: leave out port, or replicas")
    if not all(isinstance(each, str) for each in _scripts(service)):
        problems.append('init is a file of SQL, or a list of them, as in init = "schema.sql"')
    else:
        missing = [each for each in _scripts(service) if not (spec.folder / each).is_file()]
        problems += [f"init: there is no file {each}" for each in missing if isinstance(given["init"], list)]
    return problems + _postgres_config.problems(given)


def plan(service: ServiceSpec, names: Names) -> Plan:
    """Instance 0 is the primary, the others its replicas. Raises ServerMissing."""
    server = names.server("postgres", service)
    processes = tuple(_process(service, names, server, each) for each in range(instances(service)))
    hosts = [names.host(service.name, each) for each in range(instances(service))]
    where = zip(hosts, names.ports(service.name), strict=True)
    urls = tuple(f"postgresql://{OWNER}@{host}:{port}/{OWNER}" for host, port in where)
    named = (service.name, service.role or ROLE, service.unit)
    return Plan(*named, processes, url=urls[0], replica_urls=urls[1:], version=server.version)


def _process(service: ServiceSpec, names: Names, server: Server, instance: int) -> ProcessPlan:
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    primary = names.folder(service.name, 0)
    name = f"{service.name}-{instance}"
    settings = {
        key: names.fill(value, service.name, instance) if isinstance(value, str) else value
        for key, value in service.with_.get("settings", {}).items()
    }
    config = Config(name, port, instances(service) - 1, folder, settings)
    spare = () if instance else (names.spare(service.name, instance, "init"),)
    order = {
        "folder": str(folder),
        "programs": str(server.path.resolve().parent),
        "passfile": str(primary / "pgpass"),
        "superuser": SUPERUSER,
        "owner": OWNER,
        "primary_host": names.host(service.name) if instance else None,
        "primary_port": names.ports(service.name)[0] if instance else None,
        "init_port": spare[0] if spare else None,
        "scripts": [str(names.spec.folder / each) for each in _scripts(service)],
        "variables": {key: str(value) for key, value in service.with_.get("variables", {}).items()},
    }
    python = names.fill("{python}", service.name, instance)
    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=(*(UNPRIVILEGED if names.uid == 0 else ()), python, "-I", "-S", str(STARTER), str(folder / "start.json")),
        cwd=folder,
        folder=folder,
        env={key: names.fill(value, service.name, instance) for key, value in service.env.items()},
        files={
            "postgresql.conf": _postgres_config.render(config),
            "pg_hba.conf": _postgres_config.ACCESS,
            "start.json": json.dumps(order, indent=1),
        },
        ports=(port,),
        spare_ports=spare,
        ready=READY,
        stop_signal=IMMEDIATE,
        status={
            "postgres": f"host={names.host(service.name, instance)} port={port} user={SUPERUSER} dbname={OWNER}",
            "passfile": str(primary / "pgpass"),
        },
        scratch=("data", "pgpass", "password"),
    )


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_REPLICAS


def _scripts(service: ServiceSpec) -> list[str]:
    init = service.with_.get("init", [])
    return [init] if isinstance(init, str) else list(init) if isinstance(init, list) else [init]
