"""The wheel, installed outside of any checkout: what it carries, and that it is found there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.sources import ROOT

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

ASK = """
import json, loadlab
from pathlib import Path
from loadlab.spec import places, read
spec = read.system(read.find(None, Path.cwd()))
print(json.dumps({
    "package": str(Path(loadlab.__file__).parent),
    "places": [str(each) for each in (places.samples(), places.profiles(), places.locustfiles())],
    "samples": sorted(places.sample_files()),
    "profile": read.profile(spec.load.profile, spec.folder).name,
    "name": spec.name,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this checkout with the build tools of this environment."""
    out = tmp_path_factory.mktemp("dist")
    _run(_tool("uv"), "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", str(out), str(ROOT))
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel in it; its dependencies are borrowed from this one."""
    home = tmp_path_factory.mktemp("fresh") / "venv"
    _run(_tool("uv"), "venv", "--python", sys.executable, str(home))
    _run(_tool("uv"), "pip", "install", "--offline", "--no-deps", "--python", str(home / "bin/python"), str(wheel))
    site = next(home.glob("lib/python*/site-packages"))
    # Read after the environment's own folder, and without its .pth files: loadlab itself does not come from there.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin" / "python"


def test_the_wheel_carries_samples_profiles_behaviour_and_the_reports_script(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "loadlab/py.typed" in names
    for folder in ("profiles", "locustfiles", "sample_apps"):
        written = {
            f"loadlab/_data/{each.relative_to(ROOT).as_posix()}"
            for each in (ROOT / folder).rglob("*")
            if each.is_file() and each.suffix in (".toml", ".py", ".js", ".j2") and "node_modules" not in each.parts
        }
        assert written
        assert written <= names, written - names
    assert any(each.startswith("loadlab/report/_js/") and each.endswith(".js") for each in names)
    assert any(each.startswith("loadlab/report/templates/") for each in names)


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    strays = ("__pycache__", "node_modules", "/runs/", "tests/", ".pyc")
    assert not [each for each in names if any(stray in each for stray in strays)]
    tops = {each.split("/", 1)[0] for each in names}
    assert {each for each in tops if not each.endswith(".dist-info")} == {"loadlab"}


def test_outside_of_a_checkout_everything_is_found_in_the_package(python: Path, tmp_path: Path) -> None:
    found = json.loads(_run(str(python), "-c", ASK, cwd=tmp_path))
    data = Path(found["package"]) / "_data"
    assert str(ROOT) not in found["package"]
    assert found["places"] == [str(data / each) for each in ("sample_apps", "profiles", "locustfiles")]
    assert {"single", "cluster", "balanced"} <= set(found["samples"])
    assert (found["name"], found["profile"]) == ("single", "ramp")


def test_the_command_is_installed(python: Path, tmp_path: Path) -> None:
    shown = _run(str(python.parent / "loadlab"), "--help", cwd=tmp_path)
    assert all(
        command in shown for command in ("run", "diagnose", "report", "runs", "units", "explain", "check", "init")
    )


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _run(*argv: str, cwd: Path | None = None) -> str:
    env = {each: value for each, value in os.environ.items() if each not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
