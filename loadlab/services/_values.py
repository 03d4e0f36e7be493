"""What units check in `with` alike: keys they know, settings that are tables. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from loadlab.spec.model import SIZE


def unknown(given: Mapping[str, Any], known: Sequence[str], server: str) -> list[str]:
    """Keys that mean nothing."""
    return [f"{key} means nothing to {server} here (known: {', '.join(known)})" for key in given if key not in known]


def table(given: Mapping[str, Any], server: str, example: str) -> list[str]:
    """`settings` that is no table of plain values."""
    settings = given.get("settings", {})
    plain = isinstance(settings, dict) and all(isinstance(each, str | int | float) for each in settings.values())
    return [] if plain else [f"settings is a table of {server}'s own directives, as in settings = {{ {example} }}"]


def size(given: Mapping[str, Any], key: str) -> list[str]:
    """A size that is none."""
    value = given.get(key, "1MB")
    fits = isinstance(value, str) and re.match(SIZE, value) is not None
    return [] if fits else [f'{key} = {value!r} is no size; write it like {key} = "64MB"']


def text(value: Any) -> str:
    """As servers' configuration files have it: yes and no for true and false."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
