"""The columns that an index should have, from the condition of a plan. Pure."""

from __future__ import annotations

import re

COMPARED = re.compile(
    r"""^\(*(?P<column>(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))*)\)*"""  # ((ticket.ref)
    r"""(?:::[a-z][a-z ]*(?:\(\d+\))?)?\)*"""  # ::character varying(20))
    r"""\ (?P<how>=|<=|>=|<|>)\ """,
    re.VERBOSE,
)
"""One comparison of a bare column, as EXPLAIN writes it. What is done to a column (lower(name)) needs an index of its
own kind, and is none."""


def columns(condition: str) -> tuple[str, ...]:
    """Those compared for equality in their order, then the first of which a range is wanted: a b-tree is searched by
    the former, and read on by the latter. () where no bare column is compared, or one or the other may do (OR)."""
    if " OR " in condition:
        return ()
    found = [match for part in condition.split(" AND ") if (match := COMPARED.match(part))]
    equal = [_name(each["column"]) for each in found if each["how"] == "="]
    ranges = [_name(each["column"]) for each in found if each["how"] != "="]
    return tuple(dict.fromkeys([*equal, *[each for each in ranges if each not in equal][:1]]))


def _name(column: str) -> str:
    """Without its table."""
    return re.split(r'\.(?=(?:[^"]*"[^"]*")*[^"]*$)', column)[-1]
