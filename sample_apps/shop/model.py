"""What the shop deals in. Money is whole cents, rates are basis points (1900 = 19%)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Product:
    """Something on sale. `words` is there for searching: the letter triples of each word, and the word's weight."""

    id: int
    title: str
    category: str
    brand: str
    cost_cents: int
    rating: float
    sold: int
    age_days: int
    available: bool
    words: tuple[tuple[frozenset[str], float], ...]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who buys. `country` decides the tax, `tier` the discount."""

    id: int
    name: str
    country: str
    tier: Literal["guest", "member", "gold"]


GUEST = User(id=0, name="guest", country="DE", tier="guest")


@dataclass(frozen=True, slots=True)
class Price:
    """What one piece costs a certain user."""

    net_cents: int
    tax_cents: int
    discount_bp: int

    @property
    def gross_cents(self) -> int:
        """Net and tax together."""
        return self.net_cents + self.tax_cents


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an order."""

    product: int
    quantity: int
    gross_cents: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a user ordered, at the prices of that moment."""

    id: str
    user: int
    lines: tuple[Line, ...]

    @property
    def total_cents(self) -> int:
        """The sum of all lines."""
        return sum(line.gross_cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Payment:
    """An order that was paid."""

    id: str
    order: str
    amount_cents: int
