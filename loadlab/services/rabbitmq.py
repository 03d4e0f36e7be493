"""RabbitMQ: a queue for events and work, in a folder of its own, on loopback.

What: one node an instance, with a port and a name server (epmd) of its own; `{name.url}` is amqp://guest:guest@...
It shows its queues' depths through its own Prometheus plug-in. `settings` are lines of rabbitmq.conf; `schedulers` is
how many cores its virtual machine may use.
"""

from __future__ import annotations

import signal

from loadlab.services import Names, Plan, ProcessPlan, Server, _balancing, _templates, _values
from loadlab.spec.model import Ready, ServiceSpec, Spec

ROLE = "queue"
WITH = ("schedulers", "settings", "binary")
STARTS_WITHIN_S = 60.0
"""Erlang and Mnesia take 8 to 16 s on a busy machine."""
SCRATCH = ("mnesia", "log", ".erlang.cookie", "schema", "generated")


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Unknown keys, schedulers that are no number."""
    found = _values.unknown(service.with_, WITH, "rabbitmq")
    if not _balancing.counts(service.with_.get("schedulers", 1), 1):
        found.append("schedulers is a whole number from 1 up: how many cores it may use")
    return found + _values.table(service.with_, "rabbitmq", '"vm_memory_high_watermark.relative" = 0.2')


def plan(service: ServiceSpec, names: Names) -> Plan:
    """One node an instance. Raises ServerMissing."""
    server = names.server("rabbitmq", service)
    processes = tuple(_process(service, names, server, each) for each in range(service.instances))
    url = f"amqp://guest:guest@{names.host(service.name)}:{names.ports(service.name)[0]}/"
    version = f"rabbitmq-server {server.version}".strip()
    return Plan(service.name, service.role or ROLE, service.unit, processes, url=url, version=version)


def _process(service: ServiceSpec, names: Names, server: Server, instance: int) -> ProcessPlan:
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    given = _templates.filled(service.with_, lambda text: names.fill(text, service.name, instance))
    status, dist, epmd = (names.spare(service.name, instance, each) for each in ("status", "dist", "epmd"))
    settings = {
        "listeners.tcp.1": f"127.0.0.1:{port}",
        "prometheus.tcp.ip": "127.0.0.1",
        "prometheus.tcp.port": status,
        "log.file": "false",
        "log.console": "true",
        "log.console.level": "warning",
        **given.get("settings", {}),
    }
    schedulers = f"+S {given['schedulers']}:{given['schedulers']} " if "schedulers" in given else ""
    env = {
        "HOME": str(folder),  # its cookie
        "RABBITMQ_NODENAME": f"{service.name}-{instance}@localhost",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_DIST_PORT": str(dist),
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_CRASH_DUMP_SECONDS": "0",  # megabytes that nobody here reads
        # No busy waiting: idle schedulers would look like a server at work.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{schedulers}+sbwt none -kernel inet_dist_use_interface {{127,0,0,1}}",
    }
    env |= {key: names.fill(value, service.name, instance) for key, value in service.env.items()}
    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=(str(server.path),),
        cwd=folder,
        folder=folder,
        env=env,
        files={
            "rabbitmq.conf": "".join(f"{key} = {value}\n" for key, value in settings.items()),
            "enabled_plugins": "[rabbitmq_prometheus].\n",
        },
        ports=(port,),
        spare_ports=(status, dist, epmd),
        ready=Ready(tcp=True, within_s=STARTS_WITHIN_S),
        stop_signal=signal.SIGKILL,  # its state is thrown away, and an orderly stop takes longer than there is
        scratch=SCRATCH,
        status={"rabbitmq": str(status)},
    )
