"""A service that misses a variable of the user's shell."""

from __future__ import annotations

import pytest

from loadlab.services._instance import Exit, withheld

SHELL = {"DATABASE_URL": "secret", "REDIS_URL": "other", "PATH": "/bin", "MODE": "x"}


@pytest.mark.parametrize(
    ("line", "given", "says"),
    [
        ("KeyError: 'DATABASE_URL'", {}, "DATABASE_URL of your shell is not passed on: "),
        ("need DATABASE_URL, REDIS_URL", {}, "DATABASE_URL and REDIS_URL of your shell are not passed on: "),
        ("KeyError: 'DATABASE_URL'", {"DATABASE_URL": "x"}, ""),
        ("KeyError: 'TOKEN'", {}, ""),
        ("bad MODES, and no model", {}, ""),
    ],
    ids=["one", "two", "it was given", "the shell has none either", "parts of words"],
)
def test_variables_that_a_service_was_not_given(line: str, given: dict[str, str], says: str) -> None:
    end = Exit("shop", 0, 1, 1, None, False, ("Traceback", line))
    way_out = withheld(given | {"PATH": "/bin"}, end, SHELL)
    assert way_out.startswith(says) and bool(way_out) == bool(says)
    assert not says or """--set 'shop.pass_env=["DATABASE_URL\"""" in way_out
    assert "secret" not in way_out
