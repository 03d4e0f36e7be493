"""What a product costs a user: margin, discount, and the tax of the user's country."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Price, Product, User

MARGIN_BP = {"jackets": 5200, "shoes": 4800, "books": 2100, "food": 2600, "gear": 3900}
TIER_BP = {"guest": 0, "member": 300, "gold": 800}


@dataclass(frozen=True, slots=True)
class TaxRule:
    """The rate for a country and a category; "*" is any. The first rule that fits counts."""

    country: str
    category: str
    rate_bp: int


TAX_RULES = (
    TaxRule("DE", "books", 700),
    TaxRule("DE", "food", 700),
    TaxRule("DE", "*", 1900),
    TaxRule("AT", "books", 1000),
    TaxRule("AT", "food", 1000),
    TaxRule("AT", "*", 2000),
    TaxRule("FR", "books", 550),
    TaxRule("FR", "food", 550),
    TaxRule("FR", "*", 2000),
    TaxRule("CH", "books", 260),
    TaxRule("CH", "food", 260),
    TaxRule("CH", "*", 810),
    TaxRule("*", "*", 2500),
)


def tax_bp(country: str, category: str) -> int:
    """The tax rate for this category of goods in this country."""
    for rule in TAX_RULES:
        if rule.country in (country, "*") and rule.category in (category, "*"):
            return rule.rate_bp
    raise ValueError(f"no tax rule for {category} in {country}")


def discount_bp(product: Product, user: User) -> int:
    """The user's own discount, and what is taken off goods that lie around; never more than 30%."""
    stale = 1000 if product.age_days > 365 and product.sold < 5000 else 0
    return min(TIER_BP[user.tier] + stale, 3000)


def price(product: Product, user: User) -> Price:
    """What one piece of the product costs the user today."""
    discount = discount_bp(product, user)
    listed = product.cost_cents * (10_000 + MARGIN_BP[product.category]) // 10_000
    net = listed * (10_000 - discount) // 10_000
    return Price(net, net * tax_bp(user.country, product.category) // 10_000, discount)
