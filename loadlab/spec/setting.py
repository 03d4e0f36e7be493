"""`--set KEY=VALUE`: a system's file with other values, for one run. The file itself stays as it is.

`app.limits.memory=256MB` is a key of the service `app`; `load.path=/health` and `name=mine` are the file's own. A value
is TOML where it can be read as that (8, true, [3, 1], { gzip = true }), else text; in `env` it is always text. None at
all (`proxy.verify=`) takes the key away.
"""

from __future__ import annotations

import copy
import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from loadlab.errors import UsageError
from loadlab.spec.explain import slugged
from loadlab.spec.problem import meant
from loadlab.spec.source import Source

OWN = ("load", "name", "description")
"""First words that are keys of the file; any other is a service."""
EXAMPLE = "write it like --set app.limits.memory=256MB"


def changed(written: Source, words: Sequence[str]) -> Source:
    """What was written, with these keys given anew. It is another system, so it gets another name unless one is set.

    Raises UsageError for words that are no KEY=VALUE, and for a service that is not there.
    """
    if not words or written.syntax:
        return written
    raw = copy.deepcopy(written.raw)
    parsed = [_parsed(word) for word in words]
    if isinstance(raw.get("name"), str) and ("name",) not in (path for path, _ in parsed):
        raw["name"] = slugged("-".join([raw["name"], *(f"{path[-1]}-{value}" for path, value in parsed)]))
    for word, (path, value) in zip(words, parsed, strict=True):
        table = _table(raw, path, word)
        if word.endswith("=") and word.count("=") == 1:
            table.pop(path[-1], None)
        else:
            table[path[-1]] = value
    # No lines: what is wrong now need not be what stands there.
    said = "".join(f" --set {each}" for each in words)
    return dataclasses.replace(written, raw=raw, label=f"{written.label} with{said}", lines={})


def _parsed(word: str) -> tuple[tuple[str, ...], Any]:
    key, equals, text = word.partition("=")
    path = _path(key) if equals else ()
    if not path or (len(path) == 1 and path[0] not in OWN[1:]):
        raise UsageError(f"--set {word}: that is no KEY=VALUE; {EXAMPLE}")
    value = _value(text)
    return path, text if path[1:2] == ("env",) and not isinstance(value, str) else value


def _path(key: str) -> tuple[str, ...]:
    """A key as TOML has it: a.b."c d" -> (a, b, c d)."""
    try:
        here: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    path = []
    while isinstance(here, Mapping):
        ((part, here),) = here.items()
        path.append(part)
    return tuple(path)


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text


def _table(raw: dict[str, Any], path: tuple[str, ...], word: str) -> dict[str, Any]:
    """The table in which the last part of the path stands; made where it is not there yet."""
    here: Any = raw if path[0] in OWN else _service(raw, path[0], word)
    for part in path[:-1] if path[0] in OWN else path[1:-1]:
        here = here.setdefault(part, {})
        if not isinstance(here, dict):
            raise UsageError(f"--set {word}: {part} is no table there, but {here!r}")
    found: dict[str, Any] = here
    return found


def _service(raw: dict[str, Any], name: str, word: str) -> dict[str, Any]:
    written = raw.get("service")
    services = [each for each in (written if isinstance(written, list) else [written]) if isinstance(each, dict)]
    for each in services:
        if each.get("name") == name:
            return each
    known = [*(str(each.get("name")) for each in services), "load"]
    raise UsageError(f"--set {word}: no service is called {name}{meant(name, known)}")
