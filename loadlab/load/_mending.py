"""Who is missing among users of which some were told to stop and some stopped themselves. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any


class Leavers:
    """Is shown again and again who is there. told: whether a user was told to stop.

    themselves: how many have gone whom nobody told to, by StopUser: those are not missing.
    """

    def __init__(self, told: Callable[[Any], bool]) -> None:
        self.themselves = 0
        self._told = told
        self._there: Mapping[Hashable, Any] = {}

    def look(self, there: Mapping[Hashable, Any]) -> bool:
        """there: the users, by anything that is each one's own. Whether some are among them that were told to stop."""
        gone = [user for key, user in self._there.items() if key not in there]
        self.themselves += sum(not self._told(user) for user in gone)
        self._there = dict(there)
        return any(map(self._told, there.values()))
