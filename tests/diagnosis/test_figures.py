"""The numbers behind a verdict."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.figures import _used
from loadlab.signals.edges import Edge


@pytest.mark.parametrize(
    ("connections", "outstanding", "new", "shown"),
    [
        (0.0, 0.0, 0.0, False),
        (0.04, 0.004, 0.04, False),
        (3.0, 0.0, 0.0, True),
        (0.0, 0.5, 0.0, True),
        (0.0, 0.0, 200.0, True),
    ],
)
def test_a_peer_of_closed_connections_only_is_not_listed(
    connections: float, outstanding: float, new: float, shown: bool
) -> None:
    assert _used(Edge("app", "db", 0, connections, outstanding, new)) is shown
