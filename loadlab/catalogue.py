"""Finds the units of a family: every module of the package whose name has no leading underscore.

A family's package says in `UNIT` which attributes a unit must have. A unit that lacks one, that does not import, or
whose docstring has no What / Why / Fix where the family asks for it, is a CatalogueError: nothing is skipped in
silence.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType, ModuleType

from loadlab.errors import CatalogueError

SECTION = re.compile(r"^(What|Why|Fix|Not|Python|Node|Note)\s*:\s*", re.MULTILINE)


@cache
def units(family: str) -> Mapping[str, ModuleType]:
    """All units of `loadlab.<family>`, by name, sorted. Raises CatalogueError for a malformed one."""
    package = importlib.import_module(f"loadlab.{family}")
    required: tuple[str, ...] = getattr(package, "UNIT", ())
    found: dict[str, ModuleType] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        if info.name.startswith("_"):
            continue
        try:
            module = importlib.import_module(f"loadlab.{family}.{info.name}")
        except ImportError as error:
            raise CatalogueError(f"loadlab/{family}/{info.name}.py does not import: {error}") from error
        missing = [name for name in required if not hasattr(module, name)]
        if missing:
            raise CatalogueError(f"loadlab/{family}/{info.name}.py lacks {', '.join(missing)}")
        found[info.name] = module
    return MappingProxyType(found)


def sections(module: ModuleType) -> Mapping[str, str]:
    """A unit's docstring as {"What": ..., "Why": ..., "Fix": ...}; the text before the first is "Title"."""
    text = (module.__doc__ or "").strip()
    parts = SECTION.split(text)
    found = {"Title": parts[0].strip()}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        found[name] = " ".join(body.split())
    return MappingProxyType(found)
