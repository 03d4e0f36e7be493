"""Accounts, and the one rule they obey: what all hold together never changes."""

from __future__ import annotations

import asyncio
import contextlib
import random


class OutOfBalance(Exception):
    """Money appeared or vanished."""


class Ledger:
    """Accounts of one bank. `journal_s` is how long a line of the journal takes to be safe."""

    def __init__(self, accounts: int, journal_s: float, audit_every: int, exclusive: bool) -> None:
        self._balance = [1000] * accounts
        self._total = sum(self._balance)
        self._journal_s = journal_s
        self._audit_every = audit_every
        self._turn: contextlib.AbstractAsyncContextManager[None] = (
            asyncio.Lock() if exclusive else contextlib.nullcontext()
        )
        self._transfers = 0

    async def transfer(self, source: int, target: int, amount: int) -> int:
        """Moves money; returns what the source has left. Raises OutOfBalance when an audit fails."""
        await self._journal()
        async with self._turn:
            left = self._balance[source] - amount
            gained = self._balance[target] + amount
            await asyncio.sleep(0)
            self._balance[source] = left
            self._balance[target] = gained
        self._transfers += 1
        if self._transfers % self._audit_every == 0 and sum(self._balance) != self._total:
            raise OutOfBalance(f"{sum(self._balance)} in the books, {self._total} paid in")
        return left

    async def _journal(self) -> None:
        await asyncio.sleep(self._journal_s * random.uniform(0.5, 1.5))
