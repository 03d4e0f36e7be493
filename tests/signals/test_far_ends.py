"""Who has not read what was sent to it."""

from __future__ import annotations

import pytest

from loadlab.recording.model import Entity
from loadlab.signals.far_ends import far_end, left_unread
from loadlab.signals.windows import measured
from tests.build import Builder, Proc


@pytest.mark.parametrize(
    ("name", "found"), [("db/0", ("db", 0)), ("10.0.0.1:5432", ("10.0.0.1:5432", None)), ("a/b", ("a/b", None))]
)
def test_a_far_end_is_an_instance_or_an_address(name: str, found: tuple[str, int | None]) -> None:
    assert far_end(name) == found


def test_of_several_callers_the_most_but_for_loadlabs_own_looks() -> None:
    built = Builder().service("db", Proc(cores=0.1, busy=0.1)).load(100)
    for source, some in (("app", 0.0), ("jobs", 90.0), ("loadlab", 40.0)):
        built.gauge("edges.unread_bytes", Entity("edge", source, 0, name="db/0"), some)
    built.gauge("edges.unread_bytes", Entity("edge", "db", 0, name="db/1"), 40.0)
    built.gauge("edges.unread_bytes", Entity("edge", "loadlab", 0, name="app/0"), 40.0)
    recording = built.recording()
    assert left_unread(recording, measured(recording)) == {"db": 1.0}
