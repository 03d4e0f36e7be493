"""Which columns an index should have."""

from __future__ import annotations

import pytest

from loadlab.rules._index import columns

CONDITIONS = [
    ("((ticket.ref)::text = $1)", ("ref",)),
    ("(customer_id = 5)", ("customer_id",)),
    ("((at > $1) AND (kind = 'x'::text) AND (at <= $2))", ("kind", "at")),
    ("((owner)::character varying(20) = ANY ('{a,b}'::text[]))", ("owner",)),
    ('(public."Ticket"."Bought.At" >= now())', ('"Bought.At"',)),
    ("(lower((name)::text) = $1)", ()),
    ("((a = 1) OR (b = 2))", ()),
    ("((deleted IS NULL) AND (shop = 3))", ("shop",)),
    ("(upper((name)::text) ~~ '%X%'::text)", ()),
    ("", ()),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_the_columns_of_a_plans_condition(condition: str, expected: tuple[str, ...]) -> None:
    assert columns(condition) == expected
