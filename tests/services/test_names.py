from __future__ import annotations

import pytest

from loadlab.errors import ServiceError
from loadlab.services import Found, Plan
from tests.services.conftest import names_of, spec_of

APP = {"name": "app", "command": ["run", "{port}"], "instances": 3}
DB = {"name": "db", "command": ["serve", "{port}"]}
BATCH = {"name": "batch", "command": ["work"]}
THERE = {"name": "there", "attach": {"url": "https://[2001:db8::1]:8443/x"}}

FILLED = {
    "{port}": "7002",
    "--port={port}": "--port=7002",
    "{instance}": "1",
    "{python} -V": "/venv/bin/python -V",
    "{dir}/data": "/recording/services/app-1/data",
    "{db.host}:{db.port}": "127.0.0.1:7004",
    "{db.url}/x": "http://127.0.0.1:7004/x",
    "{app.ports}": "7001,7002,7003",
    "{app.replica_urls}": "http://127.0.0.1:7002,http://127.0.0.1:7003",
    "{{port}}": "{port}",
    "{{db.url}}": "{db.url}",
    "{{name}}": "{{name}}",
    '{"a": {"b": 1}}': '{"a": {"b": 1}}',
    '{"port": {port}}': '{"port": 7002}',
    "awk '{print $1}'": "awk '{print $1}'",
    "{unknown} {db.colour} {self.x}": "{unknown} {db.colour} {self.x}",
    "": "",
}


@pytest.mark.parametrize(("text", "filled"), FILLED.items())
def test_placeholders(text: str, filled: str) -> None:
    names = names_of(spec_of(APP, DB))
    names.ports("app")
    assert names.fill(text, "app", 1) == filled


OWN = {"limits": {"network": "own"}}
APART = {"name": "apart", "command": ["run", "{port}"], "instances": 2} | OWN
OTHER = {"name": "other", "command": ["run", "{port}"]} | OWN
LOCAL = {"name": "local", "attach": {"port": 5000}}


@pytest.mark.parametrize(
    ("asking", "text", "filled"),
    [
        ("app", "{apart.addresses}", "127.77.5.2:7001,127.77.5.3:7002"),
        ("app", "{apart.url} {other.host}", "http://127.77.5.2:7001 127.77.5.4"),
        ("other", "{apart.host} {apart.addresses}", "127.77.5.2 127.77.5.2:7001,127.77.5.3:7002"),
        ("other", "{app.url} {app.host} {db.url}", "http://127.77.5.1:7004 127.77.5.1 pg://me@127.77.5.1:7001/x"),
        ("other", "{local.url} {there.host}", "http://127.77.5.1:5000 2001:db8::1"),
        (
            "app",
            "{local.url} {db.url} {app.addresses}",
            "http://127.0.0.1:5000 pg://me@127.0.0.1:7001/x 127.0.0.1:7004",
        ),
        ("other", "{db.replica_urls}", "pg://me@127.77.5.1:7002/x,pg://127.77.5.2:7003"),
    ],
)
def test_each_asker_is_told_the_address_that_it_can_reach(asking: str, text: str, filled: str) -> None:
    """Instances of a network of their own have an address each, and call this machine's loopback by another one."""
    found = {5000: Found((1,), "localhost", (5000,)), None: Found((), "2001:db8::1", (8443,))}
    app = APP | {"instances": 1}
    names = names_of(
        spec_of(APART, OTHER, app, DB, LOCAL, THERE),
        draw_network=lambda: "127.77.5",
        attach=lambda where: found[where.port],
    )
    replicas = ("pg://me@127.0.0.1:7002/x", "pg://127.77.5.2:7003")
    names.learn(Plan("db", "database", "postgres", (), url="pg://me@127.0.0.1:7001/x", replica_urls=replicas))
    for each in ("apart", "other", "app"):
        names.ports(each)
    assert names.fill(text, asking, 0).replace("localhost", "127.0.0.1") == filled


def test_a_system_without_such_instances_draws_no_network() -> None:
    def never() -> str:
        raise AssertionError

    names = names_of(spec_of(APP, DB), draw_network=never)
    assert names.host("app") == "127.0.0.1" and names.network("app", 1) is None


def test_ports_are_drawn_once() -> None:
    names = names_of(spec_of(APP, DB))
    assert names.ports("app") == names.ports("app") == (7001, 7002, 7003)
    assert names.spare("db", 0, "status") == names.spare("db", 0, "status")
    assert names.spare("db", 0, "status") != names.spare("db", 0, "peers")


def test_a_fixed_port_is_not_drawn() -> None:
    assert names_of(spec_of(DB | {"port": 9999})).ports("db") == (9999,)


def test_a_command_that_is_told_no_port_has_none() -> None:
    assert names_of(spec_of(BATCH)).ports("batch") == ()


def test_the_port_of_a_service_without_one_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ServiceError, match=r"app refers to \{batch.port\}, but batch has no port; use \{port\}"):
        names_of(spec_of(APP, BATCH)).fill("{batch.port}", "app", 0)


def test_what_a_plan_says_of_its_address_is_what_others_are_told() -> None:
    names = names_of(spec_of(APP, DB))
    names.learn(Plan("db", "database", "postgres", (), url="postgres://127.0.0.1:7001/loadlab"))
    assert names.fill("{db.url}", "app", 0) == "postgres://127.0.0.1:7001/loadlab"


def test_an_attached_service_has_the_address_that_was_found() -> None:
    from loadlab.services._names import attach

    names = names_of(spec_of(APP, THERE), attach=attach)
    assert names.fill("{there.host} {there.port} {there.url}", "app", 0) == (
        "2001:db8::1 8443 https://[2001:db8::1]:8443"
    )
