"""Who may call whom, and who starts first."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.spec import order, placeholders
from loadlab.spec.model import Spec
from tests.spec.toml import GOOD, read


def _spec(**references: str) -> Spec:
    """Services, each with a text that may refer to others."""
    services = [{"name": name.replace("_", "-"), "command": ["x", text]} for name, text in references.items()]
    return Spec.model_validate({"name": "s", "service": services})


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ({"a": "", "b": ""}, ("a", "b")),
        ({"a": "{b.url}", "b": ""}, ("b", "a")),
        ({"a": "{b.url}{c.port}", "b": "{c.url}", "c": ""}, ("c", "b", "a")),
        ({"a": "{a.url}", "b": "{a.host}"}, ("a", "b")),
        ({"a": "{b.url}", "b": "{a.url}", "c": "{a.url}"}, ("b", "a", "c")),
        ({"a": "{nobody.url} {port}", "b": ""}, ("a", "b")),
    ],
    ids=str,
)
def test_services_start_after_those_they_refer_to(references: dict[str, str], expected: tuple[str, ...]) -> None:
    assert order.start_order(_spec(**references)) == expected


def test_every_place_where_a_service_can_be_named_counts(tmp_path: Path) -> None:
    (tmp_path / "my.conf.j2").write_text("server {{ my_cache.host }}:{{ my_cache.port }}; # {queue.port}\n")
    spec = Spec.model_validate(
        {
            "name": "s",
            "folder": tmp_path,
            "service": [
                {"name": "app", "command": ["x"], "env": {"A": "{db.url}"}},
                {"name": "lb", "uses": "nginx", "with": {"upstream": "app", "deep": [{"er": "{api.ports}"}]}},
                {"name": "own", "uses": "nginx", "with": {"config": "my.conf.j2"}},
                *({"name": each, "command": ["x"]} for each in ("db", "api", "my-cache", "queue")),
            ],
        }
    )
    assert order.callees(spec) == {
        "app": ("db",),
        "lb": ("api", "app"),
        "own": ("queue", "my-cache"),
        "db": (), "api": (), "my-cache": (), "queue": (),
    }  # fmt: skip
    assert order.callers(spec)["app"] == ("lb",)
    assert order.start_order(spec) == ("db", "app", "api", "lb", "queue", "my-cache", "own")


def test_templates_can_be_given_as_text() -> None:
    spec = _spec(app="", db_one="")
    assert order.callees(spec, {"app": "{{ db_one.url }}"})["app"] == ("db-one",)


def test_the_sample_of_the_docs(tmp_path: Path) -> None:
    assert order.start_order(read(GOOD, tmp_path)) == ("db", "app", "lb", "old")


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": ("b",), "b": ()}, ()),
        ({"a": ("b",), "b": ("a",)}, (("a", "b"),)),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, (("b", "c"),)),
        ({"a": ("b", "c"), "b": ("a",), "c": ("a",)}, (("a", "b"), ("c", "a"))),
    ],
    ids=str,
)
def test_rings_are_found_each_once(graph: dict[str, tuple[str, ...]], expected: tuple[tuple[str, ...], ...]) -> None:
    assert order.cycles(graph) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{port} {python} {instance} {dir} {db.url} {app.port}", []),
        ("awk '{print $1}' {x} {} { port } {\"a\": 1} ${HOME} {self.name}", []),
        ("{prot}", [("{prot}", "{port}")]),
        ("{PORT}", [("{PORT}", "{port}")]),
        ("{dbs.url}", [("{dbs.url}", "{db.url}")]),
        ("{zzzz.url}", [("{zzzz.url}", "{db.url}")]),
        ("{db.prot}", [("{db.prot}", "{db.port}")]),
        ("{db.xyz}", [("{db.xyz}", "{db.url}")]),
        ("{dbs.prot}", [("{dbs.prot}", "{db.port}")]),
        ("{db}", [("{db}", "{db.url}")]),
        ("{host}", [("{host}", "{db.host}")]),
    ],
)
def test_misspelled_placeholders_and_what_is_none(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(placeholders.misspelled(text, ["db", "app"])) == expected


def test_a_service_that_asks_for_its_own_port() -> None:
    spec = _spec(a="--port={port}", b="{b.port}", c="{a.port} {ports}")
    assert [placeholders.uses_own(each, "port") for each in spec.service] == [True, True, False]
