"""Python applications in a folder, found by reading their source: nothing of the user's is imported or run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ASGI = ("FastAPI", "Starlette", "Quart", "Litestar", "Sanic", "get_asgi_application", "BlackSheep", "Robyn")
WSGI = ("Flask", "Bottle", "get_wsgi_application", "App", "API", "Pyramid", "make_wsgi_app")
NOT_OURS = ("App", "API")
"""Names so common that they count only where the file imports falcon."""
FACTORIES = ("create_app", "make_app", "get_app", "build_app")
LIKELY = ("app.py", "main.py", "asgi.py", "wsgi.py", "server.py", "api.py", "application.py", "run.py")
SKIPPED = {
    "tests",
    "test",
    "node_modules",
    "venv",
    "env",
    "site-packages",
    "build",
    "dist",
    "docs",
    "migrations",
    "runs",
}
MOST_FILES = 400
MOST_BYTES = 500_000
ROUTE_CALLS = ("get", "route")
HEALTH = re.compile(r"^/(?:api/)?(?:health|healthz|healthcheck|ping|ready|readyz|live|livez|status|up)/?$")
SERVERS = ("run_app", "HTTPServer", "ThreadingHTTPServer", "serve_forever", "listen", "make_server", "TCPServer", "run")


@dataclass(frozen=True)
class PythonApp:
    """One application object, factory or script. `kind`: asgi | wsgi | script. `made_by`: FastAPI, Flask, ..."""

    file: Path
    kind: str
    made_by: str
    name: str
    """The variable or the factory function; "" for a script."""
    factory: bool = False
    routes: tuple[str, ...] = ()
    port: int | None = None
    """Of a script: the port written in it."""
    reads_port: bool = False
    """Of a script: whether it asks the environment for PORT."""

    @property
    def health(self) -> str | None:
        """The first route that looks like a health check."""
        return next((each for each in self.routes if HEALTH.match(each)), None)

    @property
    def path(self) -> str:
        """The first route worth loading: one without parameters that is no health check."""
        plain = (each for each in self.routes if not HEALTH.match(each) and not set(each) & set("{<:*"))
        return next(plain, "/")


@dataclass
class _Names:
    """What a file says, collected in one walk."""

    objects: dict[str, str] = field(default_factory=dict)
    factories: dict[str, str] = field(default_factory=dict)
    routes: list[str] = field(default_factory=list)
    serves: bool = False
    port: int | None = None
    reads_port: bool = False
    is_script: bool = False


def find(folder: Path) -> list[PythonApp]:
    """Likely files first: app.py, main.py, then the rest, no deeper than two folders."""
    found = [app for path in _files(folder) for app in read(path, folder)]
    return sorted(found, key=_rank)


def read(path: Path, folder: Path) -> list[PythonApp]:
    """The applications of one file; none where it is no Python of this version."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return []
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    names = _look(tree)
    here, routes = path.relative_to(folder), tuple(dict.fromkeys(names.routes))
    apps = [PythonApp(here, kind_of(by), by, name, routes=routes) for name, by in names.objects.items()]
    if not apps:
        apps = [PythonApp(here, kind_of(by), by, name, True, routes) for name, by in names.factories.items()]
    if not apps and names.is_script and names.serves:
        apps = [PythonApp(here, "script", "script", "", False, routes, names.port, names.reads_port)]
    return apps


def kind_of(made_by: str) -> str:
    """asgi or wsgi."""
    return "asgi" if made_by in ASGI else "wsgi"


def _rank(app: PythonApp) -> tuple[int, int, int, str]:
    kind = ("asgi", "wsgi", "script").index(app.kind)
    likely = LIKELY.index(app.file.name) if app.file.name in LIKELY else len(LIKELY)
    return (len(app.file.parts), likely, kind, str(app.file))


def _files(folder: Path) -> Iterator[Path]:
    patterns = ("*.py", "*/*.py", "*/*/*.py")
    found = (each for pattern in patterns for each in sorted(folder.glob(pattern)))
    kept = (each for each in found if not _is_skipped(each.relative_to(folder)))
    yield from (each for each, _ in zip(kept, range(MOST_FILES), strict=False))


def _is_skipped(path: Path) -> bool:
    named_test = path.name.startswith("test_") or path.name in ("conftest.py", "setup.py")
    return named_test or any(part in SKIPPED or part.startswith((".", "_")) for part in path.parts[:-1])


def _look(tree: ast.Module) -> _Names:
    names = _Names()
    imported = {alias.name.split(".")[0] for node in ast.walk(tree) for alias in _aliases(node)}
    for statement in tree.body:
        _top(statement, names, imported)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _call(node, names)
        if isinstance(node, ast.Constant) and node.value == "PORT":
            names.reads_port = True
    return names


def _aliases(node: ast.AST) -> list[ast.alias]:
    if isinstance(node, ast.Import):
        return node.names
    return [ast.alias(node.module)] if isinstance(node, ast.ImportFrom) and node.module else []


def _top(node: ast.stmt, names: _Names, imported: set[str]) -> None:
    """A statement at the top of the file."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        made_by = _made_by(node.value, imported)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if made_by:
            names.objects |= {each.id: made_by for each in targets if isinstance(each, ast.Name)}
    elif isinstance(node, ast.FunctionDef) and node.name in FACTORIES and not _required(node.args):
        made = (_made_by(each, imported) for each in ast.walk(node) if isinstance(each, ast.Call))
        made_by = next((each for each in made if each), "")
        if made_by:
            names.factories[node.name] = made_by
    elif isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
        names.is_script = True


def _required(arguments: ast.arguments) -> bool:
    return len(arguments.args) > len(arguments.defaults)


def _made_by(value: ast.AST | None, imported: set[str]) -> str:
    """`FastAPI` for `FastAPI(...)` and `fastapi.FastAPI(...)`; "" for anything else."""
    if not isinstance(value, ast.Call):
        return ""
    name = _called(value)
    if name in NOT_OURS:
        return name if "falcon" in imported else ""
    return name if name in ASGI or name in WSGI else ""


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _call(call: ast.Call, names: _Names) -> None:
    name = _called(call)
    first = call.args[0] if call.args else None
    text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    if name in ("get", "route", "Route", "add_get") and text.startswith("/"):
        names.routes.append(text)
    if name in SERVERS:
        names.serves = True
        names.port = names.port or _port(call)


def _port(call: ast.Call) -> int | None:
    """Of `run_app(app, port=8080)`, `.listen(8888)`, `HTTPServer(("", 8000), ...)`."""
    given = [each.value for each in call.keywords if each.arg == "port"]
    first = call.args[0] if call.args else None
    given += first.elts[1:2] if isinstance(first, ast.Tuple) else [first] if first is not None else []
    numbers = (each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, int))
    return next((each for each in numbers if 0 < each < 65536), None)
