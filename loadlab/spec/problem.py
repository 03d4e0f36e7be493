"""One thing that is wrong in a file, and how it is said: file, line, key path, what was found, what was expected."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Loc = tuple[str | int, ...]
LONGEST_FOUND = 60
"""Characters of a wrong value that are shown: a line stays a line."""


@dataclass(frozen=True)
class Problem:
    """`loc` is the key path as pydantic has it: ("service", 0, "ready"). `says`: what was expected, and the way out."""

    loc: Loc
    says: str
    with_found: bool = True
    """Whether the value at `loc` is shown."""
    missing: str = ""
    """The key of the table at `loc` that is not there, where that is the problem."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word somebody who wrote `word` probably meant."""
    by_lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def meant(word: str, known: Iterable[str], quote: str = '"') -> str:
    """`; did you mean "ramp"? (known: constant, ramp)`, the question only where something is near."""
    known = list(known)
    guess = nearest(word, known)
    question = f"; did you mean {quote}{guess}{quote}?" if guess is not None else ";"
    return f"{question} (known: {', '.join(known)})" if known else question.rstrip(";")


def key_path(loc: Loc, raw: Mapping[str, Any]) -> str:
    """`service[app].ready.http`: services by their name where they have one, `service[#2]` where not."""
    text, here = "", raw
    for part in loc:
        here = _step(here, part)
        if isinstance(part, int):
            text += f"[{_label(here, part)}]"
        else:
            bare = part.replace("-", "").replace("_", "").isalnum()
            text += ("." if text else "") + (part if bare else json.dumps(part, ensure_ascii=False))
    return text


def value_at(loc: Loc, raw: Mapping[str, Any]) -> Any:
    """What the user wrote there, None where nothing (TOML has no null)."""
    here: Any = raw
    for part in loc:
        here = _step(here, part)
    return here


def shown(value: Any) -> str:
    """A value as the user wrote it, or nearly, short enough for a line."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:  # a hexadecimal number of thousands of digits cannot be written in decimal ones
        return "a huge number"
    return text if len(text) <= LONGEST_FOUND else text[: LONGEST_FOUND - 4] + " ..."


def _step(here: Any, part: str | int) -> Any:
    if isinstance(part, str):
        return here.get(part) if isinstance(here, Mapping) else None
    return here[part] if isinstance(here, list) and -len(here) <= part < len(here) else None


def _label(here: Any, index: int) -> str:
    name = here.get("name") if isinstance(here, Mapping) else None
    return name if isinstance(name, str) and name else f"#{index + 1}"
