"""Systems written as text, read as a user's file would be."""

from __future__ import annotations

import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from loadlab.errors import SpecError
from loadlab.spec import source, system
from loadlab.spec.model import ServiceSpec, Spec


def _nginx(service: ServiceSpec, spec: Spec) -> list[str]:
    """What a unit finds: here, an upstream that no service is called."""
    names = [each.name for each in spec.service]
    upstream = service.with_.get("upstream")
    return [] if upstream in names else [f'upstream = "{upstream}": no service is called that']


def _fine(service: ServiceSpec, spec: Spec) -> list[str]:
    return []


SERVICES: dict[str, Any] = {
    "attached": SimpleNamespace(check=_fine),
    "command": SimpleNamespace(check=_fine),
    "nginx": SimpleNamespace(check=_nginx, learns=lambda service: True),
    "postgres": SimpleNamespace(check=_fine),
}
"""Stand-ins for the units of loadlab/services/, so that these tests are about the spec alone."""

GOOD = """
name = "orders"
description = "an app, its database, and nginx in front"

[load]
target = "lb"
path = "/orders"
profile = "ramp"
think_s = 0.5

[[service]]
name = "app"
role = "app"
command = ["{python}", "-m", "uvicorn", "app:app", "--port", "{port}"]
cwd = "."
instances = 2
ready = { http = "/health", within_s = 20 }
env = { DATABASE_URL = "{db.url}", MODE = "load" }
limits = { cpu = 0.5, memory = "512MB", files = 1024 }
restart = "on-exit"
autoscale = { min = 2, max = 10, metric = "cpu", out_above = 70, in_below = 30, out_cooldown_s = 60 }

[[service]]
name = "db"
uses = "postgres"
with = { settings = { max_connections = 100 } }

[[service]]
name = "lb"
uses = "nginx"
with = { upstream = "app", strategy = "round_robin" }

[[service]]
name = "old"
attach = { port = 8000 }
"""


def read(text: str, folder: Path) -> Spec:
    """The system in a text. Raises SpecError."""
    return system.build(source.parse(textwrap.dedent(text), "loadlab.toml", folder), SERVICES)


def problems(text: str, folder: Path) -> list[str]:
    """What is wrong with it."""
    try:
        read(text, folder)
    except SpecError as error:
        return list(error.problems)
    return []
