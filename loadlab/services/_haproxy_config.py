"""The text of an HAProxy configuration. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadlab.services._balancing import Backend, counts

STRATEGIES: Mapping[str, str] = {
    "round_robin": "roundrobin",
    "least_conn": "leastconn",
    "ip_hash": "source",
    "random": "random",
}
SECTIONS = ("global", "defaults", "frontend", "backend")
CONNECTIONS = 4096
"""As for nginx: more than any one generator opens."""

BACKEND = "loadlab_backends"
SOCKET = "admin.sock"
"""Below its folder, which is where it runs: the whole path could be longer than the 107 bytes of a socket's name."""

COUNTED = ("threads", "maxconn", "server_maxconn")


def problems(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings that only HAProxy has."""
    found = [f"{key} is a whole number from 1 up" for key in COUNTED if not counts(given.get(key, 1), 1)]
    found += [f"{key} is text" for key in ("cookie", "listen") if not isinstance(given.get(key, ""), str)]
    settings = given.get("settings", {})
    tables = settings.values() if isinstance(settings, dict) else [None]
    if not all(isinstance(each, dict) for each in tables):
        example = 'settings = { backend = { option = "httpchk GET /health" } }'
        return [*found, f"settings is a table for each section ({', '.join(SECTIONS)}), as in {example}"]
    return found + [
        f"settings.{each} is no section (known: {', '.join(SECTIONS)})" for each in settings if each not in SECTIONS
    ]


def states(backends: Sequence[Backend]) -> tuple[str, ...]:
    """What to say to a running HAProxy so that these serve and no other. One in maintenance ends what it has."""
    return tuple(
        f"set server {BACKEND}/{each.host}:{each.port} state {'ready' if each.serves else 'maint'}" for each in backends
    )


def render(
    given: Mapping[str, Any], port: int, status_port: int, backends: Sequence[Backend], *, scaled: bool = False
) -> str:
    """The whole file. Servers are named by their address: so the counters name them. scaled: instances come and go,
    which only loadlab's user may tell it, over a socket in its folder."""
    listen = given.get("listen", "")
    sections: dict[str, dict[str, Any]] = {
        "global": {
            "nbthread": given.get("threads", 1),
            "maxconn": given.get("maxconn", CONNECTIONS),
            "no strict-limits": "",  # fewer open files than maxconn wants is a warning, not the end
            "stats socket": [
                f"ipv4@127.0.0.1:{status_port} level user",
                *([f"unix@{SOCKET} mode 600 level admin"] if scaled else []),
            ],
        },
        "defaults": {
            "mode": "http",
            "timeout connect": "5s",
            "timeout client": "60s",
            "timeout server": "60s",
            "timeout queue": "60s",
            "timeout tunnel": "1h",
            "option redispatch": "1",  # a dead server's requests go to another one at once
        },
        "frontend": {
            "bind": f"127.0.0.1:{port}{' ' + listen if listen else ''}",
            "maxconn": given.get("maxconn", CONNECTIONS),
            "option forwardfor": "",
            "default_backend": BACKEND,
        },
        "backend": {
            "balance": STRATEGIES[given.get("strategy", "round_robin")],
            "default-server": "check inter 1s fall 2",  # a strategy that hashes would ask a dead one for ever
        },
    }
    if "cookie" in given:
        sections["backend"]["cookie"] = f"{given['cookie']} insert indirect nocache"
    for name, more in given.get("settings", {}).items():
        sections[name].update(more)
    sections["backend"]["server"] = [_server(each, given) for each in backends]
    titles = {"frontend": "frontend loadlab", "backend": f"backend {BACKEND}"}
    text = [f"{titles.get(name, name)}\n{_lines(each)}" for name, each in sections.items()]
    return "# Made by loadlab for one run.\n" + "\n".join(text)


def _server(backend: Backend, given: Mapping[str, Any]) -> str:
    host = f"[{backend.host}]" if ":" in backend.host else backend.host
    name = f"{backend.host}:{backend.port}"
    parts = [name, f"{host}:{backend.port}", f"weight {backend.weight}"]
    parts += [f"maxconn {given['server_maxconn']}"] if "server_maxconn" in given else []
    parts += [f"cookie {backend.port}"] if "cookie" in given else []
    parts += ["ssl verify none"] if backend.scheme == "https" else []
    return " ".join(parts + ([] if backend.serves else ["disabled"]))


def _lines(settings: Mapping[str, Any]) -> str:
    """`key value` for each; a list gives the directive several times."""
    flat = [(key, each) for key, value in settings.items() for each in (value if isinstance(value, list) else [value])]
    return "".join(f"    {key} {each}".rstrip() + "\n" for key, each in flat)
