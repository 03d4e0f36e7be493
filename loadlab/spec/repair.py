"""Validates what can be validated: broken values are taken out, noted, and the rest looked at all the same.

Nothing repaired is ever run: where there is one problem, a SpecError is raised. The repair only lets the checks that
need a whole Spec find what else is wrong, so that all problems come at once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from loadlab.spec.explain import explain, own_errors, plain_loc
from loadlab.spec.problem import Loc, Problem, value_at

Model = TypeVar("Model", bound=BaseModel)
ROUNDS = 4
"""Taking something out can leave a table that lacks something; more rounds than tables are nested help nobody."""


def validate(raw: dict[str, Any], model: type[Model], stub: dict[str, Any]) -> tuple[Model | None, list[Problem]]:
    """A model, repaired where there are problems, None where it could not be; and the problems of what was written.

    stub: values for keys that are missing at the top, or of a service that is no table.
    """
    problems: list[Problem] = []
    work = copy.deepcopy(raw)
    for _ in range(ROUNDS):
        try:
            return model.model_validate(work), problems
        except ValidationError as error:
            errors = own_errors(error.errors(include_url=False))
        if not problems:
            problems = explain(errors, model)
        _take_out(work, errors, stub)
    return None, problems


def _take_out(work: dict[str, Any], errors: Iterable[ErrorDetails], stub: dict[str, Any]) -> None:
    for loc in dict.fromkeys((plain_loc(each["loc"]), each["type"]) for each in errors):
        _mend(work, loc[0], loc[1], stub)


def _mend(work: dict[str, Any], loc: Loc, kind: str, stub: dict[str, Any]) -> None:
    """Removes the value at `loc`, or puts a valid one where it cannot be missing."""
    parent, key = value_at(loc[:-1], work), loc[-1]
    if isinstance(parent, list) and isinstance(key, int):
        is_service = loc[0] == "service" and len(loc) == 2
        parent[key] = {**stub["service"][0], "name": f"service-{key}"} if is_service else str(parent[key])
    elif not isinstance(parent, dict):
        return  # taken out already, with what it stood in
    elif kind == "extra_forbidden":
        parent.pop(key, None)
    elif key == "name":
        parent[key] = f"service-{loc[1]}" if loc[0] == "service" and len(loc) > 1 else "system"
    elif loc == ("service",):
        work["service"] = copy.deepcopy(stub["service"])
    elif kind == "missing" and len(loc) > 1:
        _remove(work, loc[:-1])
    else:
        parent.pop(key, None)


def _remove(work: dict[str, Any], loc: Loc) -> None:
    """Takes out a table that lacks something."""
    parent = value_at(loc[:-1], work)
    if isinstance(parent, dict):
        parent.pop(loc[-1], None)
