"""The catalog: which products a visitor sees, in which order, and at what price."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .model import Price, Product, User
from .pricing import price
from .seed import triples


@dataclass(frozen=True)
class Query:
    """What a visitor asked for. Without `category` and `most_cents` everything is asked for."""

    text: str
    category: str | None = None
    most_cents: int | None = None
    page: int = 1


@dataclass(frozen=True)
class Offer:
    """A product, as offered to one visitor."""

    product: Product
    price: Price
    score: float


def relevance(product: Product, wanted: Iterable[frozenset[str]]) -> float:
    """How well a product fits the words asked for, given as letter triples.

    Each word counts with the product's word most like it, so that "jakcet" still finds jackets; what sells well and is
    liked comes first among equals.
    """
    score = 0.0
    for asked in wanted:
        best = 0.0
        for letters, weight in product.words:
            likeness = weight * len(asked & letters) / len(asked | letters)
            if likeness > best:
                best = likeness
        score += best
    return score + 0.1 * product.rating + 0.05 * math.log1p(product.sold)


def offers(products: Iterable[Product], query: Query, user: User) -> list[Offer]:
    """What is available and fits the query, the best first."""
    wanted = [triples(word) for word in query.text.split()]
    found = []
    for product in products:
        if not product.available or query.category not in (None, product.category):
            continue
        cost = price(product, user)
        if query.most_cents is None or cost.gross_cents <= query.most_cents:
            found.append(Offer(product, cost, relevance(product, wanted)))
    found.sort(key=lambda offer: (-offer.score, offer.product.id))
    return found


def as_json(product: Product, cost: Price) -> dict[str, Any]:
    """A product and its price as clients see them."""
    return {
        "id": product.id,
        "title": product.title,
        "brand": product.brand,
        "category": product.category,
        "rating": product.rating,
        "price": {"net": cost.net_cents, "tax": cost.tax_cents, "gross": cost.gross_cents},
        "discount": cost.discount_bp / 10_000,
        "links": {"self": f"/catalog/{product.id}"},
    }


def render(found: list[Offer], query: Query, page_size: int, secret: bytes) -> tuple[bytes, str]:
    """One page as JSON, and the signature clients send back with an order to hold us to these prices."""
    start = (query.page - 1) * page_size
    body = json.dumps(
        {
            "query": query.text,
            "page": query.page,
            "pages": math.ceil(len(found) / page_size),
            "found": len(found),
            "items": [as_json(offer.product, offer.price) for offer in found[start : start + page_size]],
        }
    ).encode()
    return body, hmac.new(secret, body, hashlib.sha256).hexdigest()
