"""What pydantic found wrong, said for people: each error becomes a Problem with the way out."""

from __future__ import annotations

import json
import shlex
import types
from collections.abc import Iterable, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from loadlab.spec.model import LimitSet, Spec
from loadlab.spec.problem import Loc, Problem, meant, nearest

NOT_WRITTEN = ("folder", "endpoint_limits")
"""Fields that loadlab fills in: not known to whoever writes a file."""
WANTED = {
    "string_type": 'text in quotes, like "..."',
    "int_type": "a whole number, without quotes",
    "int_from_float": "a whole number",
    "float_type": "a number, without quotes",
    "bool_type": "true or false, without quotes",
    "dict_type": 'a table, like {{ KEY = "value" }}',
    "model_type": "a table, like {{ key = value }}",
    "tuple_type": 'a list, like ["a", "b"]',
    "finite_number": "a number, not nan or inf",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "int_parsing_size": "a number of ordinary size",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length}",
}
MISSING = {
    "name": 'name is missing; write name = "..." (lower-case letters, digits, dashes)',
    "service": 'a system has at least one service; write [[service]] with name = "app" and command = [...]',
}


def explain(errors: Iterable[ErrorDetails], model: type[BaseModel]) -> list[Problem]:
    """Problems, each key path once: a union's several complaints about one value are one problem."""
    found: dict[tuple[Loc, str], Problem] = {}
    for error in errors:
        problem = _problem(error, model)
        found.setdefault((problem.loc, problem.missing), problem)
    return list(found.values())


def own_errors(errors: Iterable[ErrorDetails]) -> list[ErrorDetails]:
    """Without those that follow from others: a list whose entries are wrong is not too short, a table is no number."""
    return [each for each in errors if not _follows(each)]


def _follows(error: ErrorDetails) -> bool:
    entries_are_wrong = error["type"] == "too_short" and bool(error["input"])
    return entries_are_wrong or (error["loc"][-1] == "float" and isinstance(error["input"], Mapping))


def plain_loc(loc: Loc) -> Loc:
    """pydantic names the branch of a union in the path; no such key was written."""
    return tuple(each for each in loc if each not in ("float", "Range"))


def known_keys(model: type[BaseModel]) -> list[str]:
    """The keys a user may write in this table."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    return [each for each in names if each not in NOT_WRITTEN]


def _problem(error: ErrorDetails, model: type[BaseModel]) -> Problem:
    loc = plain_loc(error["loc"])
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(loc, _unknown_key(loc, model))
    if kind == "missing":
        key = str(loc[-1])
        return Problem(loc[:-1], MISSING.get(key, f"{key} is missing"), with_found=False, missing=key)
    if _is_limit(loc, error["loc"]) and not isinstance(given, Mapping):
        return Problem(loc, "a number (the upper end), or { min = ... } or { max = ... }")
    if kind == "literal_error":
        return Problem(loc, _unknown_value(given, context.get("expected", "")))
    if kind == "string_pattern_mismatch":
        return Problem(loc, _malformed(loc, str(given)))
    special = _special(loc, kind, given)
    if special is not None:
        return Problem(loc, special)
    if kind in WANTED:
        return Problem(loc, f"expected {WANTED[kind].format_map(context)}")
    return Problem(loc, error["msg"][:1].lower() + error["msg"][1:])


def _is_limit(loc: Loc, full: Loc) -> bool:
    return loc != full or (bool(loc) and loc[-1] in LimitSet.model_fields)


def _unknown_key(loc: Loc, model: type[BaseModel]) -> str:
    table = _model_at(loc[:-1], model)
    known = known_keys(table) if table is not None else []
    says = f"unknown key{meant(str(loc[-1]), known, quote='')}"
    elsewhere = nearest(str(loc[-1]), known) is None and model is Spec and _home(str(loc[-1]))
    return f"{says}; it belongs into {elsewhere}" if elsewhere else says


def _home(key: str) -> str:
    """A key in the wrong table is the commonest slip TOML allows: everything after a header belongs to it."""
    homes = {"[load]": _model_at(("load",), Spec), "[[service]]": _model_at(("service", 0), Spec)}
    at_top = "the top of the file, above the first [header]" if key in known_keys(Spec) else ""
    return at_top or next((name for name, table in homes.items() if table is not None and key in known_keys(table)), "")


def _unknown_value(given: Any, expected: str) -> str:
    known = [each.strip("'") for each in expected.replace(" or ", ", ").split(", ")]
    if isinstance(given, str):
        return f"unknown{meant(given, known)}"
    return "expected one of " + ", ".join(f'"{each}"' for each in known)


def _malformed(loc: Loc, given: str) -> str:
    if loc[-1] == "memory":
        return 'expected a size like "512MB" or "1.5GiB" (B, KB, MB, GB, KiB, MiB, GiB)'
    if loc[-1] == "bandwidth":
        return 'expected bits a second, like "100Mbit" (Kbit, Mbit, Gbit)'
    slug = slugged(given)
    return "expected lower-case letters, digits and dashes" + (f', like "{slug}"' if slug else "")


def slugged(text: str) -> str:
    """The nearest valid name: `My App_1` -> `my-app-1`; empty where nothing is left."""
    kept = "".join(each if each in "abcdefghijklmnopqrstuvwxyz0123456789" else "-" for each in text.lower())
    return "-".join(each for each in kept.split("-") if each)[:60].strip("-")


def _special(loc: Loc, kind: str, given: Any) -> str | None:
    """Slips worth a word of their own."""
    key = loc[-1] if loc else ""
    if key in ("command", "setup") and isinstance(given, str):
        return f"an argument list, never a shell string; write {key} = {_as_list(given)}"
    if key in ("command", "setup") and kind == "too_short":
        return f'an empty list starts nothing; write {key} = ["program", "argument"]'
    if key == "service" and isinstance(given, Mapping):
        return "services are a list of tables: write [[service]] with two brackets"
    if key == "service" and kind == "too_short":
        return MISSING["service"]
    if kind == "string_type" and not isinstance(given, str | list | Mapping):
        text = str(given).lower() if isinstance(given, bool) else str(given)
        return f'expected text; put it in quotes: "{text}"'
    if kind in ("int_type", "float_type") and isinstance(given, str) and _is_number(given):
        return f"expected a number; write it without quotes: {given.strip()}"
    return None


def _as_list(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return json.dumps(words, ensure_ascii=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _model_at(loc: Loc, model: type[BaseModel]) -> type[BaseModel] | None:
    """The model whose table lies at a key path."""
    here: Any = model
    any_key = False
    for part in loc:
        if isinstance(part, int) or any_key:
            any_key = False
        elif isinstance(here, type) and issubclass(here, BaseModel):
            field = next((each for name, each in here.model_fields.items() if (each.alias or name) == part), None)
            here = _model_in(field.annotation) if field is not None else None
            any_key = field is not None and get_origin(field.annotation) is dict
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `X | None`, `tuple[X, ...]`, `dict[str, X]`; of `float | Range` it is Range."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict):
        return next((found for each in get_args(annotation) if (found := _model_in(each)) is not None), None)
    return None
