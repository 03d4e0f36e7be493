"""PM2 as a service: what it refuses, what it starts; and node:cluster and PM2 as they replace a dead worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import ServiceError
from loadlab.services import Plan, _guard, pm2
from loadlab.services._names import RunNames
from loadlab.spec.model import Spec
from tests.services.conftest import Launcher, alive, until

SAMPLES = Path(__file__).resolve().parents[2] / "sample_apps"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that has PM2 among its packages."""
    (tmp_path / "server.js").write_text("")
    (tmp_path / "ecosystem.config.js").write_text("")
    (tmp_path / "package.json").write_text(json.dumps({"dependencies": {"pm2": "6"}}))
    (tmp_path / "node_modules").mkdir()
    return tmp_path


def spec_of(folder: Path, with_: dict[str, Any]) -> Spec:
    service = {"name": "app", "uses": "pm2", "with": with_, "env": {"LEVEL": "{port}"}}
    return Spec.model_validate({"name": "it", "service": [service], "folder": folder})


@pytest.mark.parametrize(
    ("with_", "says"),
    [
        ({}, "needs either script"),
        ({"script": "server.js", "ecosystem": "ecosystem.config.js"}, "needs either script"),
        ({"script": "absent.js"}, "there is no such file"),
        ({"script": 3}, "there is no such file"),
        ({"script": "server.js", "instances": "all"}, 'instances is "max" or a whole number'),
        ({"script": "server.js", "instances": True}, 'instances is "max" or a whole number'),
        ({"ecosystem": "ecosystem.config.js", "instances": 4}, "instances stands in the ecosystem file"),
        ({"script": "server.js", "watch": True}, "watch means nothing to pm2 here"),
    ],
)
def test_wrong_settings_are_named(folder: Path, with_: dict[str, Any], says: str) -> None:
    spec = spec_of(folder, with_)
    found = pm2.check(spec.service[0], spec)
    assert len(found) == 1 and says in found[0]


def test_packages_that_nobody_installed_are_named(folder: Path) -> None:
    (folder / "node_modules").rmdir()
    spec = spec_of(folder, {"script": "server.js"})
    (found,) = pm2.check(spec.service[0], spec)
    assert "npm install" in found


def planned(folder: Path, with_: dict[str, Any], root: Path = Path("/run")) -> Plan:
    spec = spec_of(folder, with_)
    return pm2.plan(spec.service[0], RunNames(spec, root, draw=lambda: 7001))


@pytest.mark.parametrize("instances", ["max", 0, 4, -1])
def test_a_script_runs_in_cluster_mode_with_as_many_as_asked_for(folder: Path, instances: str | int) -> None:
    (process,) = planned(folder, {"script": "server.js", "instances": instances}).processes
    (app,) = json.loads(process.files["ecosystem.json"])["apps"]
    assert (app["instances"], app["exec_mode"], app["script"]) == (instances, "cluster", str(folder / "server.js"))
    assert process.argv == ("node_modules/.bin/pm2-runtime", "start", "/run/services/app-0/ecosystem.json")
    assert process.env["PM2_HOME"] == "/run/services/app-0"
    assert (process.env["PORT"], process.env["LEVEL"], process.ports) == ("7001", "7001", (7001,))


def test_an_ecosystem_file_of_the_users_is_run_as_it_is(folder: Path) -> None:
    (process,) = planned(folder, {"ecosystem": "ecosystem.config.js"}).processes
    assert process.argv[-1] == str(folder / "ecosystem.config.js") and not process.files


def test_a_project_without_it_uses_the_one_on_path(folder: Path) -> None:
    (folder / "package.json").write_text("{}")
    assert planned(folder, {"script": "server.js"}).processes[0].argv[0] == "pm2-runtime"


def test_a_folder_too_deep_for_its_sockets_is_refused_before_anything_starts(folder: Path) -> None:
    with pytest.raises(ServiceError, match="--runs"):
        planned(folder, {"script": "server.js"}, Path("/" + 90 * "x"))


def workers(pids: list[int]) -> set[int]:
    """Those that node:cluster forked, alive."""
    return {each for each in pids if alive(each) and b"NODE_UNIQUE_ID=" in _guard.content(f"/proc/{each}/environ")}


@pytest.mark.real
@pytest.mark.skipif(shutil.which("npm") is None, reason="no Node here")
@pytest.mark.parametrize("name", ["node-cluster", "node-pm2"])
def test_a_killed_worker_is_back_within_two_seconds_and_nothing_stays(name: str, launching: Launcher) -> None:
    (service,) = tomllib.loads((SAMPLES / name / "loadlab.toml").read_text())["service"]
    with launching(service, folder=SAMPLES / name) as run:
        cores = len(os.sched_getaffinity(0))
        assert until(lambda: len(workers(run.pids())) == cores)
        SYSTEM.sleep(1.1)  # a younger one would count as one that cannot start
        victim = min(workers(run.pids()))
        seen = _guard.look(victim)
        assert seen is not None and _guard.send(seen, signal.SIGKILL)
        assert until(lambda: len(workers(run.pids()) - {victim}) == cores, 2.0)


@pytest.mark.real
@pytest.mark.skipif(shutil.which("npm") is None, reason="no Node here")
def test_what_pm2_refuses_is_shown_in_its_own_words(launching: Launcher, tmp_path: Path) -> None:
    (service,) = tomllib.loads((SAMPLES / "node-pm2" / "loadlab.toml").read_text())["service"]
    broken = tmp_path / "broken.config.js"
    broken.write_text("module.exports = { apps: [")
    service |= {"with": {"ecosystem": str(broken)}, "cwd": str(SAMPLES / "node-pm2")}
    with (
        pytest.raises(ServiceError, match=r"(?s)ended with exit code .*its last lines.*SyntaxError"),
        launching(service, folder=SAMPLES / "node-pm2"),
    ):
        pass
