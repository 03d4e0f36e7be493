"""Where samples, profiles and user behaviour lie: in the folders of a checkout, or in the copies a wheel carries."""

from __future__ import annotations

from pathlib import Path

from loadlab.errors import LoadlabError

PACKAGE = Path(__file__).resolve().parent.parent


def samples() -> Path:
    """The sample systems, a folder each."""
    return place("sample_apps")


def profiles() -> Path:
    """The load profiles that come with loadlab, a TOML file each."""
    return place("profiles")


def locustfiles() -> Path:
    """The user behaviour that comes with loadlab."""
    return place("locustfiles")


def sample_files() -> dict[str, Path]:
    """All sample systems by name: `single`, and `faults/blocked_loop` for one folder down."""
    root = samples()
    found = sorted([*root.glob("*/loadlab.toml"), *root.glob("*/*/loadlab.toml")])
    return {each.parent.relative_to(root).as_posix(): each for each in found}


def profile_files() -> dict[str, Path]:
    """All profiles that come with loadlab, by name."""
    return {each.stem: each for each in sorted(profiles().glob("*.toml"))}


def place(name: str, package: Path = PACKAGE) -> Path:
    """A wheel carries copies in `_data`; a checkout, an editable install too, has the folders beside the package."""
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise LoadlabError(
        f"this installation of loadlab lacks its folder {name}: neither {package / '_data'} nor {package.parent} "
        "has it; install loadlab again"
    )
