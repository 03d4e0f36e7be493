"""Passwords: kept as what a slow function makes of them, so that a stolen list is of little use."""

from __future__ import annotations

import hashlib
import hmac

from .model import User


class Passwords:
    """Everybody's password is their name. rounds: of PBKDF2, 0 for not asking at all."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._kept: dict[int, bytes] = {}

    def verify(self, user: User, password: str) -> bool:
        """Whether it is theirs. Slow on purpose."""
        if self._rounds == 0:
            return True
        if user.id not in self._kept:
            self._kept[user.id] = self._slowly(user, user.name)
        return hmac.compare_digest(self._kept[user.id], self._slowly(user, password))

    def _slowly(self, user: User, password: str) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", password.encode(), b"shop%d" % user.id, self._rounds)
