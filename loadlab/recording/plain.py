"""Any value of a spec or an event as plain JSON: what cannot be said in JSON becomes its text."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Mappings become dicts, sequences and sets lists, dataclasses dicts, NaN and infinities None, anything else its
    str.

    Lone surrogates (file names, outputs of other programs) are written out as `\\udc80`: JSON of ours is always valid
    UTF-8.
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case Mapping():
            return {plain(str(key)): plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return plain(str(value))
