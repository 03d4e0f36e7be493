"""nginx as a load balancer, in a folder of its own, on loopback.

What: its configuration is made here, or is the user's own template (`config`). It writes a line for each request
(LOG_FORMAT) into a file that is removed at the end, and shows its counters where it was built with stub_status.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping

from loadlab.services import Names, Plan, ProcessPlan, Server, TakeOver, _balancing, _nginx_config, _templates
from loadlab.services._nginx_config import LOG_FORMAT, Config
from loadlab.spec.model import ServiceSpec, Spec

ROLE = "balancer"
WITH = ("upstream", "strategy", "weights", "keepalive", "hash", "websocket", "listen", "settings",
        "config", "values", "binary")  # fmt: skip
SCRATCH = ("access.log", "nginx.pid", *_nginx_config.TEMP_FOLDERS.values())
STATUS = re.compile(r"location\s+(?:=\s*)?(/\S*)\s*\{[^}]*\bstub_status\b")
"""Where a user's own configuration shows the counters."""
ERRORS = re.compile(r"^\s*error_log\s+\"?([^\s;\"]+)", re.MULTILINE)
"""Where it writes its errors: the first that it names. Else, and for `stderr`, to where all its output goes."""


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Unknown keys, an upstream that is no service, a strategy nginx does not have, weights that do not fit."""
    given = service.with_
    problems = [f"{key} means nothing to nginx here (known: {', '.join(WITH)})" for key in given if key not in WITH]
    if not isinstance(given.get("values", {}), dict):
        problems.append("values is a table: what the template of config gets as {{ values.name }}")
    if "config" in given:
        return problems
    return problems + _balancing.problems(service, spec) + _nginx_config.problems(given)


def learns(service: ServiceSpec) -> bool:
    """It takes over a new configuration while it runs, a user's own template included: old workers end their requests,
    new ones get the next."""
    return True


def plan(service: ServiceSpec, names: Names) -> Plan:
    """One nginx an instance. Raises ServerMissing."""
    server = names.server("nginx", service)
    processes = tuple(_process(service, names, server, each) for each in range(service.instances))
    url = names.url(service.name)
    return Plan(service.name, service.role or ROLE, service.unit, processes, url=url, version=server.version)


def _process(service: ServiceSpec, names: Names, server: Server, instance: int) -> ProcessPlan:
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    if "config" in service.with_:
        text, status = _rendered(service, names, instance)
        spare: tuple[int, ...] = ()
    else:
        spare = _status_port(service, names, server, instance)
        text, status = _generated(service, names, instance, spare)
    argv = [str(server.path), "-p", f"{folder}/", "-c", str(folder / "nginx.conf")]
    argv += ["-e", "stderr"] if server.at_least(1, 19, 5) else []
    argv += _nginx_config.lacking(text, folder)
    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=tuple(argv),
        cwd=folder,
        folder=folder,
        env={key: names.fill(value, service.name, instance) for key, value in service.env.items()},
        files={"nginx.conf": text},
        ports=(port,),
        spare_ports=spare,
        status=status,
        test=(*argv, "-t", "-q"),
        scratch=SCRATCH,
        take_over=TakeOver(signal.SIGHUP),
    )


def _status_port(service: ServiceSpec, names: Names, server: Server, instance: int) -> tuple[int, ...]:
    """For its counters, where it can show them."""
    shows = "with-http_stub_status_module" in server.features
    return (names.spare(service.name, instance, "status"),) if shows else ()


def _generated(
    service: ServiceSpec, names: Names, instance: int, spare: tuple[int, ...]
) -> tuple[str, Mapping[str, str]]:
    given = _templates.filled(service.with_, lambda text: names.fill(text, service.name, instance))
    folder = names.folder(service.name, instance)
    port, status_port = names.ports(service.name)[instance], spare[0] if spare else None
    backends = _balancing.backends(given, names, service.name)
    config = Config(folder, port, backends, given, status_port, as_root=names.uid == 0)
    status = {} if "access_log" in given.get("settings", {}) else {"access_log": str(folder / "access.log")}
    if spare:
        status["status_url"] = f"http://{names.host(service.name, instance)}:{spare[0]}/"
    return _nginx_config.render(config), status


def _rendered(service: ServiceSpec, names: Names, instance: int) -> tuple[str, Mapping[str, str]]:
    """The user's own file; its log and counters are read where it has them."""
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    log = str(folder / "access.log")
    given = _templates.filled(service.with_.get("values", {}), lambda text: names.fill(text, service.name, 0))
    more = {"access_log": log, "log_format": f"log_format loadlab {LOG_FORMAT};", "values": given}
    text = _templates.render(service, names, folder, port, more)
    status = {"access_log": log} if log in text and "log_format loadlab" in text else {}
    counters = STATUS.search(text)
    if counters:
        status["status_url"] = f"http://{names.host(service.name, instance)}:{port}{counters[1]}"
    errors = ERRORS.search(text)
    if errors and errors[1] != "stderr":
        status["error_log"] = str(folder / errors[1])
    return text, status
