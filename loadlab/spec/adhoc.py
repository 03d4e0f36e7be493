"""A system without a file: a command, or something that already runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadlab.errors import UsageError
from loadlab.spec.checks.started import url_problem
from loadlab.spec.explain import slugged
from loadlab.spec.model import Spec
from loadlab.spec.placeholders import misspelled
from loadlab.spec.setting import changed
from loadlab.spec.source import Source
from loadlab.spec.system import build

LAUNCHERS = ("python", "python3", "{python}", "node", "npx", "uv", "env", "run", "exec", "poetry", "pipenv", "-m")
"""Words that say nothing of what is started."""
LITERAL_PORT = re.compile(r"(?:--port|--bind|-p|-b|--listen)[= ](?:\S*:)?(\d{2,5})(?=\s|$)")


def adhoc(
    *,
    command: str | None = None,
    path: str = "/",
    attach_port: int | None = None,
    attach_pid: int | None = None,
    attach_url: str | None = None,
    folder: Path | None = None,
    services: Mapping[str, Any] | None = None,
    changes: Sequence[str] = (),
) -> Spec:
    """A Spec of one service. Raises UsageError where not exactly one is given, SpecError where it is malformed.

    `folder`: where the command runs, by default here. changes: KEY=VALUE, as in spec.setting; the service is `app`.
    """
    options = {"--command": command, "--attach": attach_port, "--pid": attach_pid, "--url": attach_url}
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        both = f", not {' and '.join(given)}" if given else ""
        raise UsageError(f"give exactly one of {', '.join(options)}{both}")
    if command is not None:
        raw = _started(command, path)
    elif attach_url is not None:
        raw = _loaded(attach_url, path)
    else:
        key, value = ("port", attach_port) if attach_port is not None else ("pid", attach_pid)
        raw = _system(f"{key}-{value}", {"name": "app", "attach": {key: value}}, path)
    return build(changed(Source(given[0], (folder or Path.cwd()).absolute(), raw), changes), services)


def _started(command: str, path: str) -> dict[str, Any]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command {command!r} cannot be split into words: {error}") from error
    if not words:
        raise UsageError('--command is empty; for example --command "uvicorn app:app --port {port}"')
    for written, guess in misspelled(command, ["app"]):
        raise UsageError(f"--command: {written} means nothing; did you mean {guess}?")
    service: dict[str, Any] = {"name": "app", "command": words}
    literal = LITERAL_PORT.search(command)
    if "{port}" not in command:
        if literal is None:
            raise UsageError(
                "--command names no port; write {port} where the program is told its port, "
                'like --command "uvicorn app:app --port {port}"'
            )
        service["port"] = int(literal[1])
    return _system(_name(words), service, path)


def _loaded(url: str, path: str) -> dict[str, Any]:
    says = url_problem(url)
    if says:
        raise UsageError(f"--url {url}: {says}")
    parts = urlsplit(url)
    own_path = parts.path + (f"?{parts.query}" if parts.query else "")
    service: dict[str, Any] = {"name": "app", "attach": {"url": f"{parts.scheme}://{parts.netloc}"}}
    if parts.scheme == "https":
        service["scheme"] = "https"
    return _system(slugged(parts.netloc), service, own_path if path == "/" and own_path else path)


def _system(name: str, service: dict[str, Any], path: str) -> dict[str, Any]:
    return {"name": name or "app", "load": {"path": path}, "service": [service]}


def _name(words: list[str]) -> str:
    """`python -m uvicorn app:app` -> uvicorn; `python server.py` -> server."""
    telling = [each for each in words if each not in LAUNCHERS and "=" not in each and not each.startswith("-")]
    word = Path(telling[0] if telling else words[0]).name
    return slugged(word.removesuffix(".py").removesuffix(".js"))
