"""The goods and the customers: made up, and the same in every process and on every day."""

from __future__ import annotations

import random
from typing import Literal

from .model import Product, User

CATEGORIES = {
    "jackets": ("rain jacket", "down jacket", "softshell jacket", "wind jacket"),
    "shoes": ("trail shoe", "hiking boot", "road shoe", "approach shoe"),
    "books": ("trail guide", "mountain atlas", "cook book", "field notebook"),
    "food": ("energy bar", "dried fruit", "instant soup", "espresso beans"),
    "gear": ("head lamp", "dry bag", "trekking pole", "sleeping mat"),
}
BRANDS = ("Nordwand", "Fjellrev", "Alpin", "Kestrel", "Tarn", "Boreal")
QUALITIES = ("waterproof", "lightweight", "recycled", "insulated", "breathable", "compact", "rugged")
SEASONS = ("spring", "summer", "autumn", "winter")
COUNTRIES = ("DE", "AT", "FR", "DK", "CH")
TIERS: tuple[Literal["guest", "member", "gold"], ...] = ("guest", "member", "member", "gold")


def triples(word: str) -> frozenset[str]:
    """The letter triples of a word, edges marked: "bag" is {" ba", "bag", "ag "}. Words alike share many of them."""
    padded = f" {word.lower()} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def initial(number: int, *, popular: bool = False) -> str:
    """The first letter of a user's surname: all alike, or nine of ten from A to M, as where some names are popular."""
    if not popular:
        return chr(ord("A") + number * 7 % 26)
    return chr(ord("A") + (13 + number // 10 % 13 if number % 10 == 0 else number % 13))


def products(count: int) -> tuple[Product, ...]:
    """That many products, numbered from 1."""
    draw = random.Random(7)
    return tuple(_product(number, draw) for number in range(1, count + 1))


def users(count: int) -> tuple[User, ...]:
    """That many users, numbered from 1, called user1, user2, ..."""
    draw = random.Random(11)
    return tuple(
        User(number, f"user{number}", draw.choice(COUNTRIES), draw.choice(TIERS)) for number in range(1, count + 1)
    )


def _product(number: int, draw: random.Random) -> Product:
    category = draw.choice(tuple(CATEGORIES))
    noun = draw.choice(CATEGORIES[category])
    first, second = draw.sample(QUALITIES, 2)
    brand, season = draw.choice(BRANDS), draw.choice(SEASONS)
    weighted = [(noun, 3.0), (f"{first} {second}", 2.0), (f"{brand} {season}", 1.0)]
    return Product(
        id=number,
        title=f"{brand} {first} {second} {noun}",
        category=category,
        brand=brand,
        cost_cents=draw.randrange(199, 29_900),
        rating=round(draw.uniform(2.5, 5.0), 1),
        sold=draw.randrange(20_000),
        age_days=draw.randrange(900),
        available=draw.random() < 0.95,
        words=tuple((triples(word), weight) for text, weight in weighted for word in text.split()),
    )
