"""docs/kubernetes.yaml is what Kubernetes' own schemas take, and says what loadlab's command line takes."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml

from loadlab import cli
from tests.sources import ROOT

VERSION = "1.34"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "docs/kubernetes.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("made", OBJECTS, ids=lambda made: made["kind"])
def test_kubernetes_takes_each_object(made: dict[str, Any]) -> None:
    kubernetes_validate.validate(made, VERSION, strict=True)


def test_a_wrong_field_would_be_seen() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(OBJECTS[0] | {"spec": {"ports": [{"number": 5557}]}}, VERSION, strict=True)


def test_the_commands_are_ones_of_loadlab_and_meet_at_one_service() -> None:
    pods = [each["spec"]["template"]["spec"]["containers"][0] for each in OBJECTS if "template" in each["spec"]]
    assert len(pods) == 2
    group = typer.main.get_command(cli.app)
    for pod in pods:
        words = [*pod["command"], *pod.get("args", ())][1:]
        with group.make_context("loadlab", list(words)) as context:
            name, command, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]
            assert command is not None
            command.make_context(name, rest, parent=context)
    service = OBJECTS[0]
    job = next(each for each in OBJECTS if each["kind"] == "Job")
    assert service["spec"]["selector"] == job["spec"]["template"]["metadata"]["labels"]
    worker = next(each for each in OBJECTS if each["kind"] == "Deployment")
    command = worker["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[command.index("--master") + 1] == service["metadata"]["name"]
    assert worker["spec"]["replicas"] == 4
