"""What a folder starts, and how that is known: Procfile, manage.py, Python applications, package.json."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadlab.cli import _python_apps
from loadlab.cli._python_apps import PythonApp

NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
PORT_WORD = re.compile(r"\$\{?PORT(?::-\d+)?\}?")
SHELL = re.compile(r"[|;&<>`]|\$\(|\$\{?[A-Za-z_]")
ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
JS_PORT = re.compile(r"\.listen\(\s*(\d{2,5})\b")
JS_FILES = ("server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs", "src/index.js", "src/server.js")


@dataclass(frozen=True)
class Found:
    """A service as it would be written, and why."""

    why: str
    command: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    port: int | None = None
    """A port the program insists on."""
    health: str | None = None
    path: str = "/"
    setup: tuple[str, ...] = ()
    attach: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What the user should know or check."""


def look(folder: Path) -> list[Found]:
    """All that was found, the surest first. Reads files; imports and runs nothing."""
    finders: tuple[Callable[[Path], Iterator[Found]], ...] = (procfile, django, python, node)
    return [each for finder in finders for each in finder(folder)]


def procfile(folder: Path) -> Iterator[Found]:
    """The `web` line: what a platform would start."""
    for line in _text(folder / "Procfile").splitlines():
        kind, colon, command = line.partition(":")
        if kind.strip() != "web" or not colon:
            continue
        changed = PORT_WORD.sub("{port}", command.strip())
        if SHELL.search(changed):
            continue
        words = shlex.split(changed)
        env = dict(each.split("=", 1) for each in _assignments(words))
        words = words[len(env) :]
        if words:
            if "{port}" not in changed:
                env["PORT"] = "{port}"
            yield Found("the web line of Procfile", tuple(_with_python(words, folder)), env)


def django(folder: Path) -> Iterator[Found]:
    """manage.py names the settings, and so the package that has wsgi.py."""
    settings = re.search(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""", _text(folder / "manage.py"))
    if settings is None:
        return
    package, installed = settings[1].split(".")[0], dependencies(folder)
    notes: tuple[str, ...] = (DEVELOPMENT,)
    command = [python_of(folder), "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"]
    for server, module in (("gunicorn", "wsgi"), ("uvicorn", "asgi")):
        if server in installed and (folder / package / f"{module}.py").is_file():
            command, notes = [*_serve(server, folder), f"{package}.{module}:application"], ()
            break
    yield Found(f"manage.py of Django, settings {settings[1]}", tuple(command), notes=notes)


DEVELOPMENT = "this is the framework's development server: name the one you use in production"


def python(folder: Path) -> Iterator[Found]:
    """Application objects, by reading the source."""
    if (folder / "manage.py").is_file():
        return
    for app in _python_apps.find(folder):
        command, env, notes = _start(app, folder)
        why = f"{app.name or 'a server'} in {app.file}" + (f", made by {app.made_by}" if app.name else "")
        yield Found(why, command, env, _fixed(app), app.health, app.path, notes=notes)


def _start(app: PythonApp, folder: Path) -> tuple[tuple[str, ...], dict[str, str], tuple[str, ...]]:
    """(command, env, notes)."""
    if app.kind == "script":
        env = {"PORT": "{port}"} if app.reads_port else {}
        return (python_of(folder), str(app.file)), env, ()
    # Many projects keep their packages below src/, which is not on the path by itself.
    inside = app.file.parts[0] == "src"
    module = ".".join(app.file.with_suffix("").parts[1 if inside else 0 :]).removesuffix(".__init__")
    env = {"PYTHONPATH": "src"} if inside else {}
    name, installed = f"{module}:{app.name}", dependencies(folder)
    if app.kind == "asgi":
        factory = ("--factory",) if app.factory else ()
        return (*_serve("uvicorn", folder), *factory, name), env, ()
    if "gunicorn" in installed or app.made_by != "Flask":
        return (*_serve("gunicorn", folder), name + ("()" if app.factory else "")), env, ()
    command = (python_of(folder), "-m", "flask", "--app", name, "run", "--port", "{port}")
    return command, env, (DEVELOPMENT,)


def _fixed(app: PythonApp) -> int | None:
    return app.port if app.kind == "script" and not app.reads_port else None


def _serve(server: str, folder: Path) -> tuple[str, ...]:
    if server == "uvicorn":
        return (python_of(folder), "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}")
    return (python_of(folder), "-m", "gunicorn", "--bind", "127.0.0.1:{port}")


def node(folder: Path) -> Iterator[Found]:
    """scripts.start of package.json; a plain `node file.js` is taken apart, so that no npm stands in between."""
    package = _json(folder / "package.json")
    scripts = package.get("scripts")
    start = str(scripts.get("start") or "") if isinstance(scripts, dict) else ""
    mains = [str(package["main"])] if isinstance(package.get("main"), str) else []
    file = next((each for each in (*mains, *JS_FILES) if (folder / each).is_file()), None)
    if start.startswith("node ") and not SHELL.search(start):
        words, why = shlex.split(start), "scripts.start of package.json"
        file = next((each for each in words[1:] if (folder / each).is_file()), file)
    elif start:
        words, why = ["npm", "start"], "scripts.start of package.json"
    elif package and file is not None:
        words, why = ["node", file], f"{file}, beside package.json"
    else:
        return
    source = _text(folder / file) if file else ""
    literal = JS_PORT.search(source)
    fixed = int(literal[1]) if literal and "env.PORT" not in source else None
    needs = bool(package.get("dependencies")) and not (folder / "node_modules").is_dir()
    install = ("npm", "ci") if (folder / "package-lock.json").is_file() else ("npm", "install")
    env = {} if fixed else {"PORT": "{port}"}
    yield Found(why, tuple(words), env, fixed, setup=install if needs else ())


def dependencies(folder: Path) -> set[str]:
    """Names of the packages a Python project says it needs, in lower case."""
    lines = [line for each in sorted(folder.glob("requirements*.txt")) for line in _text(each).splitlines()]
    try:
        project = tomllib.loads(_text(folder / "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        project = {}
    tables = project.get("project", {})
    lines += [str(each) for each in tables.get("dependencies", [])]
    lines += [str(each) for extra in tables.get("optional-dependencies", {}).values() for each in extra]
    lines += list(project.get("tool", {}).get("poetry", {}).get("dependencies", {}))
    return {found[1].lower() for line in lines if (found := NAME.match(line))}


def python_of(folder: Path) -> str:
    """The project's own interpreter where it has one, else the one that runs loadlab."""
    for each in (".venv", "venv", "env"):
        if (folder / each / "bin" / "python").exists():
            return f"{each}/bin/python"
    return "{python}"


def _with_python(words: list[str], folder: Path) -> list[str]:
    """`gunicorn app:app` as `python -m gunicorn app:app`: the project's, not whatever PATH has first."""
    if words[0] in ("python", "python3"):
        return [python_of(folder), *words[1:]]
    if words[0] in ("gunicorn", "uvicorn", "hypercorn", "waitress-serve", "flask"):
        return [python_of(folder), "-m", words[0].replace("waitress-serve", "waitress"), *words[1:]]
    return words


def _assignments(words: list[str]) -> Iterator[str]:
    for each in words:
        if not ASSIGNMENT.match(each):
            return
        yield each


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
