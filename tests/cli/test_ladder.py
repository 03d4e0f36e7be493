"""The second run of each rung: a day's load."""

from __future__ import annotations

import pytest

from loadlab.cli.ladder import IN_FLIGHT, _daily
from loadlab.diagnosis.model import Capacity


@pytest.mark.parametrize(("users", "at_most"), [(8, 8 * IN_FLIGHT), (0, IN_FLIGHT)])
def test_a_days_load_is_a_share_of_the_capacity_over_no_more_connections_than_clients_have(
    users: int, at_most: int
) -> None:
    profile = _daily(Capacity(2874.0, users, 2.6, 5.7))
    assert (profile.model, profile.rate, profile.max_in_flight) == ("open", 2011.8, at_most)
    assert profile.warmup_s > (profile.rise_s or 0.0) < profile.duration_s
