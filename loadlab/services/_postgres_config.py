"""The texts of a PostgreSQL server's configuration. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUPERUSER = "postgres"
OWNER = "loadlab"
"""The user of {db.url}, and the database it owns."""

STATEMENTS = "pg_stat_statements"
"""Part of every distribution of PostgreSQL; counts what each statement did."""

RESERVED = 3
"""Connections PostgreSQL by default keeps free for superusers, of whom loadlab is one."""

FIXED = {
    "port": "loadlab draws it; write port = 5432 beside `uses` for a fixed one",
    "listen_addresses": "everything listens on loopback",
    "unix_socket_directories": "it is reached through loopback",
    "data_directory": "it lives in the recording's folder",
    "config_file": "loadlab writes it from these settings",
    "hba_file": "everybody on loopback may connect, and is no superuser",
    "ident_file": "nobody is identified by it",
    "external_pid_file": "it lives in the recording's folder",
    "logging_collector": "loadlab keeps what the server prints",
    "log_destination": "loadlab keeps what the server prints",
    "cluster_name": "replicas are told apart by it",
    "primary_conninfo": "say how many replicas there are with replicas = 2",
    "dynamic_shared_memory_type": "nothing may be left outside the recording's folder",
}
"""Settings that are not for the user, and why."""

ACCESS = f"""# Made by loadlab for one run. The superuser's password is drawn for each run; the owner needs none.
host all {SUPERUSER} 127.0.0.0/8 scram-sha-256
host replication {SUPERUSER} 127.0.0.0/8 scram-sha-256
host all all 127.0.0.0/8 trust
"""


@dataclass(frozen=True)
class Config:
    """One server. name: what a replica calls itself at its primary. replicas: how many the primary serves."""

    name: str
    port: int
    replicas: int
    folder: Path
    settings: Mapping[str, Any]


def render(config: Config) -> str:
    """The whole postgresql.conf. What the user sets wins over what loadlab would choose."""
    given = dict(config.settings)
    reserved = given.pop("superuser_reserved_connections", RESERVED)
    libraries = [STATEMENTS, *_words(given.pop("shared_preload_libraries", ""))]
    chosen: dict[str, Any] = {
        "listen_addresses": "127.0.0.1",
        "port": config.port,
        "unix_socket_directories": "",
        "hba_file": str(config.folder / "pg_hba.conf"),
        "cluster_name": config.name,
        # Segments under /dev/shm would outlive a server that was killed.
        "dynamic_shared_memory_type": "mmap",
        "shared_preload_libraries": ", ".join(dict.fromkeys(libraries)),
        # One fewer: loadlab's own takes that place, so that clients have as many as without it.
        "superuser_reserved_connections": max(0, reserved - 1) if isinstance(reserved, int) else reserved,
    }
    if config.replicas:
        # Each replica's first copy takes two connections; what it still has to read may not be thrown away.
        chosen |= {"max_wal_senders": 10 + 2 * config.replicas, "wal_keep_size": "1GB"}
    lines = [f"{key} = {_value(value)}" for key, value in (chosen | given).items()]
    return "\n".join(["# Made by loadlab for one run.", *lines, ""])


def problems(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the server's settings, and with what its SQL is told."""
    variables = given.get("variables", {})
    if not isinstance(variables, dict) or not all(isinstance(each, str | int | float) for each in variables.values()):
        return ["variables is a table of what :name stands for in init, as in variables = { rows = 1000 }"]
    settings = given.get("settings", {})
    if not isinstance(settings, dict):
        return ["settings is a table of PostgreSQL's own settings, as in settings = { max_connections = 100 }"]
    fixed = [f"settings.{key} is loadlab's: {FIXED[key]}" for key in settings if key in FIXED]
    wrong = [
        f"settings.{key} is text, a number, true or false"
        for key, value in settings.items()
        if key not in FIXED and not isinstance(value, str | int | float | bool)
    ]
    return fixed + wrong


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'"


def _words(text: Any) -> list[str]:
    return [each.strip() for each in str(text).split(",") if each.strip()]
