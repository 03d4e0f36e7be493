"""A loadlab.toml as text, with a comment on each line a user may want to change."""

from __future__ import annotations

import json

from loadlab.cli._projects import Found
from loadlab.spec.explain import slugged


def text(folder: str, found: Found) -> str:
    """The whole file."""
    return "\n".join((*_head(folder, found), *_service(found), *_more(found), ""))


def _head(folder: str, found: Found) -> list[str]:
    lines = [
        f"# Written by `loadlab init` from {found.why}.",
        *(f"# Note: {each}." for each in found.notes),
        "# `loadlab run` in this folder uses it. All keys: docs/formats.md of loadlab.",
        f"name = {_quoted(slugged(folder) or 'app')}",
        "",
        "[load]",
        f"path = {_quoted(found.path)}".ljust(27) + "# what every user asks for with GET; take one that matters to you",
        '# locustfile = "users.py"  # or users of your own, written for Locust',
        'profile = "ramp"           # more and more users until the limit shows; also: constant, smoke, soak, ci',
    ]
    return [*lines, ""]


def _service(found: Found) -> list[str]:
    lines = ["[[service]]", 'name = "app"']
    if found.attach:
        inner = ", ".join(f"{key} = {json.dumps(value)}" for key, value in found.attach.items())
        return [*lines, f"attach = {{ {inner} }}".ljust(27) + "# watched and loaded; never stopped"]
    port = "{port}: a free one, drawn for each run" if _uses_port(found) else "started as it stands"
    lines += [f"# {port}", f"command = {_list(found.command)}"]
    if found.port is not None and not _uses_port(found):
        lines.append(f"port = {found.port}".ljust(27) + "# written in its source; loadlab looks for it there")
    if found.env:
        inner = ", ".join(f"{key} = {_quoted(value)}" for key, value in found.env.items())
        lines.append(f"env = {{ {inner} }}")
    if found.setup:
        lines.append(f"setup = {_list(found.setup)}".ljust(27) + "# run once before the first start")
    if found.health is not None:
        lines.append(f"ready = {{ http = {_quoted(found.health)}, within_s = 20 }}")
    return lines


def _more(found: Found) -> list[str]:
    """What is often wanted next, ready to be uncommented."""
    if found.attach:
        return []
    ready = (
        []
        if found.health is not None
        else ['# ready = { http = "/health", within_s = 20 }   # default: the port is open']
    )
    return [
        *ready,
        "# instances = 2            # each with a port of its own",
        '# limits = { cpu = 1.0, memory = "512MB", files = 1024 }   # as your container has them',
    ]


def _uses_port(found: Found) -> bool:
    return any("{port}" in each for each in (*found.command, *found.env.values()))


def _list(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_quoted, words)) + "]"


def _quoted(value: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False)
