from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadlab.services import _ports, attached, command
from loadlab.services._plans import plan_all
from loadlab.services._start import environment
from loadlab.spec.model import Ready
from tests.services.conftest import names_of, spec_of

DB = {"name": "db", "command": ["serve", "{port}"], "role": "database"}


def planned(*services: dict[str, Any], **more: Any) -> list[Any]:
    spec = spec_of(*services, folder=Path("/home/me"))
    return list(plan_all(spec, Path("/recording"), names_of(spec, **more)))


def test_services_are_planned_after_those_they_refer_to() -> None:
    app = {"name": "app", "command": ["run", "{port}"], "env": {"DB": "{db.url}"}}
    assert [each.service for each in planned(app, DB)] == ["db", "app"]


def test_a_service_starts_after_those_it_refers_to_and_those_with_a_port_of_their_own_choice() -> None:
    found = planned(
        {"name": "app", "command": ["run", "{port}"], "env": {"DB": "{db.url}"}},
        {"name": "old", "command": ["run"], "port": 8081},
        {"name": "page", "command": ["run", "{port}"]},
        DB,
    )
    assert {each.service: each.after for each in found} == {
        "db": (), "app": ("db",), "old": (), "page": ("old",)
    }  # fmt: skip


def test_each_instance_has_its_own_port_number_and_folder() -> None:
    (plan,) = planned({"name": "app", "command": ["{python}", "-p", "{port}", "-n", "{instance}"], "instances": 2})
    assert [each.argv for each in plan.processes] == [
        ("/venv/bin/python", "-p", "7001", "-n", "0"),
        ("/venv/bin/python", "-p", "7002", "-n", "1"),
    ]
    assert [each.ports for each in plan.processes] == [(7001,), (7002,)]
    assert [str(each.folder) for each in plan.processes] == ["/recording/services/app-0", "/recording/services/app-1"]
    assert plan.url == "http://127.0.0.1:7001"


def test_what_any_service_may_say_is_in_the_plan() -> None:
    (plan,) = planned(
        DB
        | {
            "cwd": "db",
            "restart": "on-exit",
            "limits": {"files": 64},
            "setup": ["make"],
            "scheme": "https",
            "ca": "ca.pem",
        }
    )
    (process,) = plan.processes
    assert process.cwd == Path("/home/me/db") and process.restart and process.setup == ("make",)
    assert process.limits is not None and process.limits.files == 64
    assert process.scheme == "https" and process.ca == Path("/home/me/ca.pem")
    assert plan.role == "database" and plan.unit == "command" and plan.url == "https://127.0.0.1:7001"


READY: list[tuple[dict[str, Any], Ready]] = [
    ({"command": ["run", "{port}"]}, Ready(tcp=True)),
    ({"command": ["run", "{port}"], "ready": {"within_s": 60.0}}, Ready(tcp=True, within_s=60)),
    ({"command": ["run", "{port}"], "ready": {"http": "/ok"}}, Ready(http="/ok")),
    ({"command": ["run"], "port": 8000}, Ready(tcp=True)),
    ({"command": ["run"]}, Ready()),
    ({"command": ["run"], "ready": {"log": "up"}}, Ready(log="up")),
]


@pytest.mark.parametrize(("service", "ready"), READY)
def test_ready_without_a_value_is_tcp_where_there_is_a_port(service: dict[str, Any], ready: Ready) -> None:
    (plan,) = planned({"name": "app"} | service)
    assert plan.processes[0].ready == ready


def test_an_attached_service_has_processes_but_starts_none() -> None:
    (plan,) = planned({"name": "app", "attach": {"port": 8000}})
    assert plan.processes == () and plan.attached_pids == (4711,) and plan.attached_ports == (8000,)
    assert plan.url == "http://127.0.0.1:8000" and plan.unit == "attached"
    spec = spec_of({"name": "app", "attach": {"port": 8000}})
    assert attached.check(spec.service[0], spec) == []


def test_a_service_inherits_what_is_documented_and_nothing_else() -> None:
    (plan,) = planned({"name": "app", "command": ["run"], "env": {"MODE": "test", "LANG": "C"}})
    outer = {"PATH": "/bin", "HOME": "/root", "LANG": "de", "SECRET": "x", "PYTHONUNBUFFERED": "1", "VIRTUAL_ENV": "/v"}
    assert environment(plan.processes[0], "abc", outer) == {
        "PATH": "/bin",
        "HOME": "/root",
        "LANG": "C",
        "VIRTUAL_ENV": "/v",
        "MODE": "test",
        "LOADLAB_RUN": "abc",
        "LOADLAB_INSTANCE": "app/0",
    }


def test_a_service_is_passed_what_it_names() -> None:
    given = {"pass_env": ["TOKEN", "MODE", "ABSENT"], "env": {"MODE": "test"}}
    (plan,) = planned({"name": "app", "command": ["run"]} | given)
    outer = {"TOKEN": "x", "MODE": "live", "SECRET": "y"}
    passed = environment(plan.processes[0], "abc", outer)
    assert {key: passed.get(key) for key in ("TOKEN", "MODE", "ABSENT", "SECRET")} == {
        "TOKEN": "x",
        "MODE": "test",
        "ABSENT": None,
        "SECRET": None,
    }


COMMANDS = [
    (["run", "{port}"], []),
    (["uvicorn app:app --port 1"], ['write ["uvicorn", "app:app", "--port", "1"]']),
    (["make", "&&", "run"], ["'&&' is a word of the shell"]),
    (["a", "|", "b", ">", "c"], ["'|' is a word", "'>' is a word"]),
    ([" "], ["names no program"]),
]


@pytest.mark.parametrize(("words", "says"), COMMANDS)
def test_commands_written_for_a_shell_are_refused(words: list[str], says: list[str]) -> None:
    spec = spec_of({"name": "app", "command": words})
    found = command.check(spec.service[0], spec)
    assert len(found) == len(says) and all(part in text for part, text in zip(says, found, strict=True))


PACKAGE = '{"dependencies": {"express": "^5"}}'
NODE: list[tuple[dict[str, str], list[str], list[str], list[str]]] = [
    ({"package.json": PACKAGE}, ["node", "a.js"], [], ["`npm install`", '["npm", "install"]']),
    ({"package.json": PACKAGE, "package-lock.json": ""}, ["npm", "start"], [], ["`npm ci`"]),
    ({"package.json": PACKAGE, "yarn.lock": ""}, ["/usr/bin/node", "a.js"], [], ["`yarn install`"]),
    ({"package.json": PACKAGE, "node_modules/x": ""}, ["node", "a.js"], [], []),
    ({"package.json": PACKAGE}, ["node", "a.js"], ["npm", "ci"], []),
    ({"package.json": PACKAGE}, ["{python}", "a.py"], [], []),
    ({"package.json": "{}"}, ["node", "a.js"], [], []),
    ({"package.json": "not json"}, ["node", "a.js"], [], []),
    ({}, ["node", "a.js"], [], []),
]


@pytest.mark.parametrize(("files", "words", "setup", "says"), NODE)
def test_a_node_program_without_its_packages(
    files: dict[str, str], words: list[str], setup: list[str], says: list[str], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    spec = spec_of({"name": "app", "command": words, "setup": setup or None}, folder=tmp_path)
    found = command.check(spec.service[0], spec)
    assert len(found) == (1 if says else 0) and all(each in found[0] for each in says)


def test_ports_are_drawn_outside_of_the_ephemeral_range() -> None:
    assert _ports.allowed((32_768, 60_999)) == (range(10_000, 32_768), range(61_000, 65_536))
    assert _ports.allowed((1_024, 65_535)) == (range(10_000, 65_536),)
    assert _ports.allowed((10_100, 60_999)) == (range(61_000, 65_536),)
    assert _ports.ephemeral("32768\t60999\n") == (32_768, 60_999)
    assert _ports.ephemeral("") == _ports.EPHEMERAL


def test_a_port_that_somebody_holds_is_drawn_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def free(port: int) -> bool:
        asked.append(port)
        return len(asked) == 3

    draws = iter([0, 1, 22_768])
    assert _ports.draw(tmp_path, lambda _: next(draws), free) == 61_000
    assert asked == [10_000, 10_001, 61_000]
