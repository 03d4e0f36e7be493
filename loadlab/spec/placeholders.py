"""`{port}`, `{db.url}`: finding what a service refers to, and what is misspelled.

Text in braces that resembles nothing known is left as it is: `awk '{print $1}'` and JSON are no placeholders, and
`{{port}}` is a literal `{port}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from loadlab.spec.model import ServiceSpec
from loadlab.spec.problem import Loc, nearest

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]+)(?:\.([A-Za-z0-9_]+))?\}")
OWN = ("python", "port", "instance", "dir")
"""Placeholders of the service itself."""
OF_OTHERS = ("host", "port", "ports", "addresses", "url", "replica_urls")
"""What can be asked of any service: {name.url}."""
PORTS = ("port", "ports", "addresses", "url", "replica_urls")
"""Those that need a port to be known."""


def strings(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """Every text inside, at any depth, keys left out."""
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, (*loc, str(key)))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from strings(inner, (*loc, position))


def texts(service: ServiceSpec) -> Iterator[tuple[Loc, str]]:
    """All texts of a service in which placeholders are replaced."""
    yield from strings(service.command, ("command",))
    yield from strings(service.env, ("env",))
    yield from strings(service.with_, ("with",))


def found_in(text: str) -> Iterator[re.Match[str]]:
    """The placeholders of a text, without those in double braces."""
    for found in PLACEHOLDER.finditer(text):
        if text[: found.start()].endswith("{") and text[found.end() :].startswith("}"):
            continue
        yield found


def uses_own(service: ServiceSpec, name: str) -> bool:
    """Whether a service asks for its own `{port}`, `{instance}`, ..."""
    wanted = {"{" + name + "}", "{" + service.name + "." + name + "}"}
    return any(found[0] in wanted for _, text in texts(service) for found in found_in(text))


def references(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """The services a text refers to, in the order of the text."""
    known = set(names)
    return tuple(dict.fromkeys(found[1] for found in found_in(text) if found[2] and found[1] in known))


def asked_for_port(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """The services whose port a text needs to know: {name.url}, but not {name.host}."""
    known = set(names)
    asked = (found[1] for found in found_in(text) if found[2] in PORTS and found[1] in known)
    return tuple(dict.fromkeys(asked))


def misspelled(text: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(placeholder, what was probably meant) for those that are nearly right."""
    known = tuple(names)
    for found in found_in(text):
        word, attribute = found[1], found[2]
        guess = _own(word, known) if attribute is None else _of_other(word, attribute, known)
        if guess is not None:
            yield found[0], guess


def _own(word: str, names: tuple[str, ...]) -> str | None:
    """`{prot}` -> {port}; `{db}` -> {db.url}."""
    if word in OWN:
        return None
    if word in names:
        return "{" + word + ".url}"
    if word in OF_OTHERS:
        return "{" + next(iter(names), "name") + "." + word + "}"
    guess = nearest(word, OWN)
    return "{" + guess + "}" if guess is not None else None


def _of_other(word: str, attribute: str, names: tuple[str, ...]) -> str | None:
    """`{dbx.url}` -> {db.url}; `{db.ulr}` -> {db.url}; `{self.x}` is nobody's."""
    name = word if word in names else nearest(word, names)
    known = attribute if attribute in OF_OTHERS else nearest(attribute, OF_OTHERS)
    if word in names and attribute in OF_OTHERS:
        return None
    if word in names:
        return "{" + word + "." + (known or "url") + "}"
    if attribute in OF_OTHERS:
        return "{" + (name or next(iter(names), "name")) + "." + attribute + "}"
    return "{" + name + "." + known + "}" if name is not None and known is not None else None
