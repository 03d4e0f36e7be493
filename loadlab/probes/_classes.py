"""Which classes of a Java program are the user's own, and which a library's.

A dump names classes, not where they come from. The virtual machine says what it was started with: folders of classes
are the user's, and the archive that holds the main class; of an archive that brings its libraries along (Spring Boot)
the part for the program's own. Classes found in no archive are the user's: they were compiled a moment ago.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
OWN_FOLDERS = ("BOOT-INF/classes/", "WEB-INF/classes/")
"""Where an archive that brings libraries along keeps the program's own classes."""
ARCHIVES = (".jar", ".war")
MOST_ARCHIVES = 500
"""Their tables of contents are read: a millisecond each."""


def parse_properties(text: str) -> dict[str, str]:
    """System properties, as java.util.Properties writes them."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[key] = ESCAPE.sub(_unescaped, value)
    return found


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) == 5:
        return chr(int(code[1:], 16))
    return {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(code, code)


class Classes:
    """Callable with a class's name, "com.shop.Cart$Line": whether it is the user's own. root: of the file system that
    the virtual machine sees."""

    def __init__(self, properties: Mapping[str, str], root: Path) -> None:
        here = properties.get("user.dir", "/")
        entries = [each for each in properties.get("java.class.path", "").split(":") if each.endswith(ARCHIVES)]
        command = properties.get("sun.java.command", "").split(" ")[0]
        main = "" if command.endswith(ARCHIVES) else command.rpartition("/")[2].replace(".", "/") + ".class"
        own: set[str] = set()
        libraries: set[str] = set()
        self._brings_along = False
        for entry in entries[:MOST_ARCHIVES]:
            names = _names(root / str(Path(here, entry)).lstrip("/"))
            inside = [each for each in names if each.startswith(OWN_FOLDERS)]
            first = not main or main in names
            (own if inside or first else libraries).update(map(_class_of, inside or names))
            self._brings_along = self._brings_along or bool(inside)
        self._own, self._libraries = frozenset(own), frozenset(libraries)

    def __call__(self, name: str) -> bool:
        """See above."""
        return name in self._own or not (name in self._libraries or self._brings_along)


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [each for each in archive.namelist() if each.endswith(".class")]
    except (OSError, zipfile.BadZipFile):
        return []


def _class_of(file: str) -> str:
    for folder in OWN_FOLDERS:
        file = file.removeprefix(folder)
    return file.removesuffix(".class").replace("/", ".")
