from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from loadlab.spec import read
from loadlab.spec.model import ServiceSpec
from tests.cli.conftest import Invoke

UVICORN = ("{python}", "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}")
GUNICORN = ("{python}", "-m", "gunicorn", "--bind", "127.0.0.1:{port}")
FASTAPI = """
import os
raise SystemExit("imported")
from fastapi import FastAPI
app = FastAPI()
@app.get("/health")
def health(): ...
@app.get("/orders/{number}")
def order(number): ...
@app.get("/orders")
def orders(): ...
"""
FLASK = "from flask import Flask\ndef create_app():\n    app = Flask(__name__)\n    return app\n"
DJANGO = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\n'


def write(folder: Path, files: dict[str, str]) -> None:
    """Files of a made-up project."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def service(folder: Path) -> ServiceSpec:
    """What `run` would start: the file stands up to every check."""
    return read.system(folder / "loadlab.toml").service[0]


CASES: dict[str, tuple[dict[str, str], tuple[str, ...], dict[str, Any]]] = {
    "fastapi": (
        {"app.py": FASTAPI},
        (*UVICORN, "app:app"),
        {"path": "/orders", "ready": "/health"},
    ),
    "starlette in a package": (
        {"shop/__init__.py": "", "shop/main.py": "from starlette.applications import Starlette\napi = Starlette()\n"},
        (*UVICORN, "shop.main:api"),
        {},
    ),
    "below src": (
        {"src/shop/app.py": "import fastapi\napp: fastapi.FastAPI = fastapi.FastAPI()\n"},
        (*UVICORN, "shop.app:app"),
        {"env": {"PYTHONPATH": "src"}},
    ),
    "the likelier of several": (
        {"zebra.py": FASTAPI, "app.py": FASTAPI, "tests/app.py": FASTAPI, ".venv/lib/x.py": FASTAPI},
        (*UVICORN, "app:app"),
        {"path": "/orders", "ready": "/health"},
    ),
    "flask with gunicorn": (
        {"app.py": FLASK, "requirements.txt": "flask>=3\nGunicorn==23.0 # server\n"},
        (*GUNICORN, "app:create_app()"),
        {},
    ),
    "flask alone": (
        {"app.py": "from flask import Flask\napplication = Flask(__name__)\n", "requirements.txt": "flask\n"},
        ("{python}", "-m", "flask", "--app", "app:application", "run", "--port", "{port}"),
        {},
    ),
    "an asgi factory": (
        {"main.py": "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n"},
        (*UVICORN, "--factory", "main:create_app"),
        {},
    ),
    "django with gunicorn": (
        {
            "manage.py": DJANGO,
            "site1/wsgi.py": "application = get_wsgi_application()\n",
            "pyproject.toml": '[project]\nname="x"\ndependencies = ["django>=5", "gunicorn"]\n',
        },
        (*GUNICORN, "site1.wsgi:application"),
        {},
    ),
    "django alone": (
        {"manage.py": DJANGO, "site1/wsgi.py": ""},
        ("{python}", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
        {},
    ),
    "a script with a port of its own": (
        {"server.py": 'from aiohttp import web\nif __name__ == "__main__":\n    web.run_app(make(), port=8099)\n'},
        ("{python}", "server.py"),
        {"port": 8099},
    ),
    "a script that reads PORT": (
        {
            "server.py": "import os\nfrom http.server import HTTPServer\n"
            'if __name__ == "__main__":\n    HTTPServer(("", int(os.environ["PORT"])), H).serve_forever()\n'
        },
        ("{python}", "server.py"),
        {"env": {"PORT": "{port}"}},
    ),
    "a procfile": (
        {"Procfile": "worker: x\nweb: WORKERS=2 gunicorn app:app --bind 0.0.0.0:$PORT\n", "app.py": FASTAPI},
        ("{python}", "-m", "gunicorn", "app:app", "--bind", "0.0.0.0:{port}"),
        {"env": {"WORKERS": "2"}},
    ),
    "a procfile that needs a shell is not taken": (
        {"Procfile": "web: ./migrate && gunicorn app:app\n", "app.py": FASTAPI},
        (*UVICORN, "app:app"),
        {"path": "/orders", "ready": "/health"},
    ),
    "node": (
        {
            "package.json": json.dumps({"scripts": {"start": "node server.js --x"}}),
            "server.js": "listen(process.env.PORT)",
        },
        ("node", "server.js", "--x"),
        {"env": {"PORT": "{port}"}},
    ),
    "node with a port of its own": (
        {"package.json": json.dumps({"main": "index.js"}), "index.js": "app.listen( 3000 )"},
        ("node", "index.js"),
        {"port": 3000},
    ),
    "node by npm, not installed yet": (
        {
            "package.json": json.dumps({"scripts": {"start": "next start"}, "dependencies": {"next": "1"}}),
            "package-lock.json": "{}",
        },
        ("npm", "start"),
        {"env": {"PORT": "{port}"}, "setup": ("npm", "ci")},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_folder_starts_is_found_and_the_file_written_passes_every_check(
    invoke: Invoke, folder: Path, name: str
) -> None:
    files, command, more = CASES[name]
    write(folder, files)
    done = invoke("init")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "look through it, then: loadlab run"
    made = service(folder)
    assert made.command == command
    assert made.env == more.get("env", {})
    assert made.port == more.get("port")
    assert made.setup == more.get("setup")
    assert (made.ready.http if made.ready else None) == more.get("ready")
    assert read.system(folder / "loadlab.toml").load.path == more.get("path", "/")


def test_the_projects_own_interpreter_is_used(invoke: Invoke, folder: Path) -> None:
    write(folder, {"app.py": FASTAPI, ".venv/bin/python": ""})
    invoke("init")
    assert (service(folder).command or ())[0] == ".venv/bin/python"


def test_it_says_why_and_what_else_there_is(invoke: Invoke, folder: Path) -> None:
    write(folder, {"app.py": FASTAPI, "main.py": FLASK})
    lines = invoke("init").stdout.splitlines()
    assert lines[0] == "wrote loadlab.toml, from app in app.py, made by FastAPI"
    assert "also here, not used: create_app in main.py, made by Flask" in lines


def test_a_development_server_is_pointed_out_in_the_file_too(invoke: Invoke, folder: Path) -> None:
    write(folder, {"manage.py": DJANGO})
    done = invoke("init")
    assert "note: this is the framework's development server" in done.stdout
    assert "# Note: this is the framework's development server" in (folder / "loadlab.toml").read_text()


def test_a_file_that_is_there_stays(invoke: Invoke, folder: Path) -> None:
    write(folder, {"app.py": FASTAPI, "loadlab.toml": "mine"})
    done = invoke("init")
    assert done.exit_code == 2
    assert "loadlab.toml is there already and stays as it is; --force replaces it" in done.stderr
    assert (folder / "loadlab.toml").read_text() == "mine"
    assert invoke("init", "--force").exit_code == 0
    assert (folder / "loadlab.toml").read_text() != "mine"


def test_where_nothing_is_found_it_says_what_to_do_and_writes_nothing(invoke: Invoke, folder: Path) -> None:
    write(folder, {"app.py": "x = 1\n", "broken.py": "def (", "package.json": "[1]"})
    done = invoke("init")
    assert done.exit_code == 2
    assert "loadlab init --attach PORT" in done.stderr
    assert not (folder / "loadlab.toml").exists()


def test_another_folder(invoke: Invoke, folder: Path) -> None:
    write(folder, {"My Shop/app.py": FASTAPI})
    done = invoke("init", "My Shop")
    assert done.stdout.splitlines()[-1] == "look through it, then: loadlab run My Shop"
    assert read.system(folder / "My Shop/loadlab.toml").name == "my-shop"
    assert invoke("init", "nowhere").exit_code == 2


def test_for_a_port_nobody_listens_on_it_says_so(invoke: Invoke, folder: Path) -> None:
    done = invoke("init", "--attach", "1")
    assert done.exit_code == 0
    assert "note: nobody listens on port 1 now: start the service before `loadlab run`" in done.stdout
    written = tomllib.loads((folder / "loadlab.toml").read_text())
    assert written["service"] == [{"name": "app", "attach": {"port": 1}}]


def test_a_folder_that_cannot_be_written_is_an_error_with_the_file(
    invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, {"app.py": FASTAPI})

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    done = invoke("init")
    assert done.exit_code == 2
    assert "loadlab.toml cannot be written: Permission denied" in done.stderr
