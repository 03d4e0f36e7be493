"""The text of an nginx configuration. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadlab.services._balancing import Backend, counts

STRATEGIES: Mapping[str, str] = {
    "round_robin": "",  # nginx's own default
    "least_conn": "least_conn;",
    "ip_hash": "ip_hash;",
    "random": "random;",
}
KEEPALIVE = 32
"""Idle connections to the backends each worker keeps open. nginx's own default of none costs a connection a request,
which would be measured instead of the backends."""
CONNECTIONS = 4096
"""nginx's own default of 512 holds 256 users, each with a connection to a backend."""

LOG_FORMAT = (
    "'$msec\\t$status\\t$request_time\\t$upstream_addr\\t$upstream_response_time"
    "\\t$upstream_connect_time\\t$upstream_header_time'"
)
"""Seven fields, tabs between; after a retry an upstream's fields hold one value a try: `a, b`; `-` for none."""

UPGRADES = ("    map $http_upgrade $loadlab_connection {", "        default upgrade;", "        '' '';", "    }")
"""A request to upgrade goes on as one; all others keep their connection to the backend."""

TEMP_FOLDERS: Mapping[str, str] = {
    "client_body_temp_path": "client_body_temp",
    "proxy_temp_path": "proxy_temp",
    "fastcgi_temp_path": "fastcgi_temp",
    "uwsgi_temp_path": "uwsgi_temp",
    "scgi_temp_path": "scgi_temp",
}
MAIN = {"worker_processes", "worker_rlimit_nofile", "worker_priority", "worker_cpu_affinity", "worker_shutdown_timeout",
        "thread_pool", "pcre_jit", "timer_resolution", "user", "load_module", "env", "debug_points"}  # fmt: skip
EVENTS = {"worker_connections", "multi_accept", "accept_mutex", "accept_mutex_delay", "use", "worker_aio_requests"}
"""Settings that nginx wants outside of its http block."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """What a configuration is made of. given: the user's `with`, placeholders replaced."""

    folder: Path
    port: int
    backends: tuple[Backend, ...]
    given: Mapping[str, Any]
    status_port: int | None = None
    as_root: bool = False


def problems(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings that only nginx has."""
    found = []
    if not counts(given.get("keepalive", KEEPALIVE), 0):
        found.append("keepalive is a whole number: idle connections kept to the backends, 0 for a new one each request")
    if not isinstance(given.get("listen", ""), str):
        found.append('listen is text: further options of the listen directive, as in listen = "backlog=1024"')
    if not isinstance(given.get("websocket", False), bool):
        found.append("websocket is true or false: whether connections may be upgraded")
    if not isinstance(given.get("hash", ""), str):
        found.append('hash is text: what keeps a visitor on one server, as in hash = "$cookie_session"')
    settings = given.get("settings", {})
    if not isinstance(settings, dict):
        found.append('settings is a table of nginx directives, as in settings = { client_max_body_size = "10m" }')
    return found


def render(config: Config) -> str:
    """The whole file."""
    settings: Settings = config.given.get("settings", {})
    main: dict[str, Any] = {
        **({"user": "root"} if config.as_root else {}),  # its workers write into the recording's folder
        "worker_processes": 1,
        "daemon": "off",
        "pid": config.folder / "nginx.pid",
        "error_log": "stderr warn",
        **{key: value for key, value in settings.items() if key in MAIN},
    }
    events = {"worker_connections": CONNECTIONS} | {key: each for key, each in settings.items() if key in EVENTS}
    return "\n".join(
        [
            "# Made by loadlab for one run.",
            *directives(main),
            "events {",
            *directives(events, 1),
            "}",
            "http {",
            *_http(config, settings),
            "}",
            "",
        ]
    )


def lacking(text: str, folder: Path) -> list[str]:
    """Arguments for what a configuration has to say, and this one does not: stay in the foreground, keep the pid."""
    more = [] if re.search(r"^\s*daemon\s", text, re.MULTILINE) else ["daemon off;"]
    more += [] if re.search(r"^\s*pid\s", text, re.MULTILINE) else [f"pid {_quoted(folder / 'nginx.pid')};"]
    return ["-g", " ".join(more)] if more else []


def directives(settings: Settings, depth: int = 0) -> list[str]:
    """`key value;` for each; a list gives the directive several times, true and false are on and off."""
    pad = "    " * depth
    return [
        f"{pad}{key} {_value(each)};"
        for key, value in settings.items()
        for each in (value if isinstance(value, list) else [value])
    ]


def _http(config: Config, settings: Settings) -> list[str]:
    inner: dict[str, Any] = {
        "access_log": f"{_quoted(config.folder / 'access.log')} loadlab buffer=32k flush=1s",
        "keepalive_requests": 1_000_000,
        "proxy_http_version": "1.1",
        "proxy_set_header": _headers(config),
        **({"proxy_read_timeout": "1h"} if config.given.get("websocket") else {}),
        **{key: _quoted(config.folder / name) for key, name in TEMP_FOLDERS.items()},
        **{key: value for key, value in settings.items() if key not in MAIN | EVENTS},
    }
    scheme = config.backends[0].scheme if config.backends else "http"
    options = config.given.get("listen", "")
    lines = [
        f"    log_format loadlab {LOG_FORMAT};",
        *(UPGRADES if config.given.get("websocket") else []),
        *directives(inner, 1),
        "    upstream loadlab_backends {",
        *_upstream(config),
        "    }",
        "    server {",
        f"        listen 127.0.0.1:{config.port}{' ' + options if options else ''};",
        "        location / {",
        f"            proxy_pass {scheme}://loadlab_backends;",
        "        }",
        "    }",
    ]
    return lines + (_status(config.status_port) if config.status_port is not None else [])


def _headers(config: Config) -> list[str]:
    connection = '""' if _keepalive(config) else "close"
    if config.given.get("websocket"):
        connection = "$loadlab_connection"
    forwarded = ["X-Real-IP $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for", "X-Forwarded-Proto $scheme"]
    upgrade = ["Upgrade $http_upgrade"] if config.given.get("websocket") else []
    return [f"Connection {connection}", *upgrade, "Host $http_host", *forwarded]


def _upstream(config: Config) -> list[str]:
    strategy = STRATEGIES[config.given.get("strategy", "round_robin")]
    if config.given.get("hash"):
        strategy = f"hash {config.given['hash']} consistent;"
    lines = ["zone loadlab_backends 256k;", *([strategy] if strategy else [])]
    for each in config.backends:
        if not each.serves:
            continue
        host = f"[{each.host}]" if ":" in each.host else each.host
        lines.append(f"server {host}:{each.port}{f' weight={each.weight}' if each.weight != 1 else ''};")
    if _keepalive(config):
        lines.append(f"keepalive {_keepalive(config)};")  # nginx wants it after the strategy
    return [f"        {each}" for each in lines]


def _status(port: int) -> list[str]:
    """A server of its own, so that asking does not count among the requests, nor wait behind them in a log."""
    return [
        "    server {",
        f"        listen 127.0.0.1:{port};",
        "        access_log off;",
        "        location / { stub_status; }",
        "    }",
    ]


def _keepalive(config: Config) -> int:
    return int(config.given.get("keepalive", KEEPALIVE))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Path):
        return _quoted(value)
    return str(value)


def _quoted(path: Path) -> str:
    """Folders may have spaces in their names."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
