"""Which line is blamed for CPU."""

from __future__ import annotations

import pytest

from loadlab.signals import hot
from tests.build import Builder, Proc

HASHING = ("hash", "/srv/app/passwords.py", 9, 90)
ANSWERING = ("answer", "/srv/app/views.py", 4, 30)


def profile(*modes: tuple[str, tuple[str, str, int, int]]) -> hot.Hot:
    built = Builder().service("app", Proc(cores=0.95))
    for mode, line in modes:
        built.stack("app", mode, line)
    return hot.compute(built.recording())


def running(*modes: tuple[str, tuple[str, str, int, int]]) -> str:
    line = profile(*modes).running("app")
    return line.function if line is not None else ""


def test_python_that_holds_the_interpreter_is_where_it_held_it() -> None:
    assert running(("gil", ("work", "/srv/app/w.py", 1, 180)), ("all", HASHING)) == "work"


def test_native_code_that_lets_go_of_the_interpreter_is_where_the_thread_was() -> None:
    assert running(("gil", ANSWERING), ("all", HASHING), ("all", ANSWERING)) == "hash"


def test_a_thread_that_waits_for_work_was_nowhere() -> None:
    assert running(("gil", ANSWERING), ("all", ("select", "/srv/app/loop.py", 1, 90))) == "answer"


def test_without_stacks_of_all_threads_the_interpreter_tells() -> None:
    assert running(("gil", ANSWERING)) == "answer"


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("/srv/app/views.py", True),
        ("/srv/app/lib/prices.js", True),
        ("/srv/app/node_modules/express/lib/router.js", False),
        ("/srv/app/.venv/lib/python3.11/site-packages/flask/app.py", False),
        ("/usr/lib/python3.11/json/encoder.py", False),
        ("/srv/other/views.py", True),
        ("node:internal/child_process", False),
        ("wasm://wasm/8a3f", False),
        ("<frozen importlib._bootstrap>", False),
        ("", False),
    ],
)
def test_whose_file_it_is(file: str, users: bool) -> None:
    assert hot.is_users(file, "/srv/app") is users


def test_a_service_that_lies_in_a_package_is_the_users() -> None:
    cwd = "/venv/lib/python3.11/site-packages/loadlab/_data/sample_apps"
    assert hot.is_users(f"{cwd}/shop/app.py", cwd)
    assert not hot.is_users(f"{cwd}/node-pm2/node_modules/pm2/index.js", cwd)
