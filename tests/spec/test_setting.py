from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadlab.errors import SpecError, UsageError
from loadlab.spec import read
from loadlab.spec.model import Spec
from tests.spec.toml import SERVICES

TEXT = """
name = "shop"
[[service]]
name = "app"
command = ["run", "{port}"]
env = { SIZE = "1", "A.B" = "x" }
[[service]]
name = "lb"
uses = "nginx"
with = { upstream = "app", weights = [1, 2] }
"""


def spec(folder: Path, *words: str) -> Spec:
    (folder / "loadlab.toml").write_text(TEXT)
    return read.system(folder / "loadlab.toml", SERVICES, words)


def at(found: Any, *path: str) -> Any:
    for each in path:
        found = found[each] if isinstance(found, dict) else getattr(found, each)
    return found


@pytest.mark.parametrize(
    ("word", "service", "path", "value"),
    [
        ("app.instances=4", 0, ("instances",), 4),
        ("app.limits.memory=256MB", 0, ("limits", "memory"), "256MB"),
        ("app.limits={ cpu = 0.5 }", 0, ("limits", "cpu"), 0.5),
        ("app.env.SIZE=40000", 0, ("env", "SIZE"), "40000"),
        ("app.env.ON=true", 0, ("env", "ON"), "true"),
        ('app.env.SIZE="4"', 0, ("env", "SIZE"), "4"),
        ("app.env.URL=http://x/?a=b", 0, ("env", "URL"), "http://x/?a=b"),
        ('app.env."A.B"=y', 0, ("env", "A.B"), "y"),
        ("lb.with.strategy=least_conn", 1, ("with_", "strategy"), "least_conn"),
        ("lb.with.weights=[3, 1]", 1, ("with_", "weights"), [3, 1]),
        ("lb.with.values.gzip=false", 1, ("with_", "values", "gzip"), False),
    ],
)
def test_a_key_of_a_service_gets_the_value(
    tmp_path: Path, word: str, service: int, path: tuple[str, ...], value: object
) -> None:
    assert at(spec(tmp_path, word).service[service], *path) == value


def test_what_is_not_set_stays_and_so_does_the_file(tmp_path: Path) -> None:
    found = spec(tmp_path, "app.env.SIZE=2", "load.path=/health", "load.think_s=0.5")
    assert found.service[0].env == {"SIZE": "2", "A.B": "x"} and found.service[1].with_["weights"] == [1, 2]
    assert (found.load.path, found.load.think_s) == ("/health", 0.5)
    assert (tmp_path / "loadlab.toml").read_text() == TEXT


def test_no_value_takes_the_key_away(tmp_path: Path) -> None:
    found = spec(tmp_path, "lb.with.weights=", "app.env.SIZE=", "app.restart=")
    assert found.service[1].with_ == {"upstream": "app"} and found.service[0].env == {"A.B": "x"}


def test_another_system_has_another_name(tmp_path: Path) -> None:
    assert spec(tmp_path).name == "shop"
    assert spec(tmp_path, "lb.with.strategy=least_conn", "app.instances=2").name == (
        "shop-strategy-least-conn-instances-2"
    )
    assert spec(tmp_path, "app.instances=2", "name=mine").name == "mine"
    assert len(spec(tmp_path, f"app.env.X={'y' * 99}").name) <= 60


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("app.instances", "no KEY=VALUE"),
        ("=4", "no KEY=VALUE"),
        ("app=4", "no KEY=VALUE"),
        ("app..x=4", "no KEY=VALUE"),
        ("ap.instances=4", r"no service is called ap; did you mean \"app\"\? \(known: app, lb, load\)"),
        ("app.instances.more=4", "instances is no table there, but 1"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(tmp_path: Path, word: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        spec(tmp_path, *(["app.instances=1"] if "more" in word else []), word)


def test_a_wrong_value_is_told_with_where_it_came_from(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"toml with --set app.instances=many: service\[app\].instances = \"many\": "):
        spec(tmp_path, "app.instances=many")
    with pytest.raises(SpecError, match=r'service\[lb\].*upstream = "ap": no service is called that'):
        spec(tmp_path, "lb.with.upstream=ap")
