"""`setup`: what is run once before a service's first start, and the Node program that lacks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NODE = frozenset({"node", "npm", "npx", "yarn", "pnpm", "bun", "pm2", "pm2-runtime"})
LOCKS = {"pnpm-lock.yaml": "pnpm install", "yarn.lock": "yarn install", "package-lock.json": "npm ci"}
STAMP = ".loadlab-setup"
"""In the service's folder: a line for each setup that went well."""


def node_problems(command: Sequence[str], setup: Sequence[str] | None, cwd: Path) -> list[str]:
    """Packages that are named in package.json, not installed, and that no setup would install."""
    if setup or not command or Path(command[0]).name not in NODE:
        return []
    if (cwd / "node_modules").is_dir() or not _wants_packages(cwd / "package.json"):
        return []
    install = next((each for lock, each in LOCKS.items() if (cwd / lock).exists()), "npm install")
    words = ", ".join(f'"{each}"' for each in install.split())
    says = f"{cwd / 'package.json'} names packages, and there is no node_modules beside it"
    return [f"{says}: run `{install}` in {cwd}, or let loadlab do it with setup = [{words}]"]


def is_done(setup: Sequence[str], cwd: Path) -> bool:
    """Whether it ran here before, and what it made is still there."""
    if _wants_packages(cwd / "package.json") and not (cwd / "node_modules").is_dir():
        return False
    return fingerprint(setup) in _stamps(cwd)


def mark_done(setup: Sequence[str], cwd: Path) -> None:
    """Keep its stamp. A folder that may not be written in gets none: the setup runs again, nothing worse."""
    stamps = [*_stamps(cwd), fingerprint(setup)]
    try:
        (cwd / STAMP).write_text("\n".join(dict.fromkeys(stamps)) + "\n", encoding="ascii")
    except OSError:
        return


def fingerprint(setup: Sequence[str]) -> str:
    """Another command is another setup."""
    return hashlib.sha256("\0".join(setup).encode()).hexdigest()[:16]


def _stamps(cwd: Path) -> list[str]:
    try:
        return (cwd / STAMP).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []


def names_package(cwd: Path, name: str) -> bool:
    """Whether the package.json of a folder asks for this package."""
    package = _package(cwd / "package.json")
    tables = (package.get(key) for key in ("dependencies", "devDependencies"))
    return any(isinstance(each, dict) and name in each for each in tables)


def _wants_packages(path: Path) -> bool:
    """Without a dependency `npm install` makes no folder, and none is missing."""
    return bool(_package(path).get("dependencies"))


def _package(path: Path) -> dict[str, Any]:
    try:
        package = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return package if isinstance(package, dict) else {}
