"""Orders and their payment."""

from __future__ import annotations

import secrets

from .model import Line, Order, Payment, User
from .pricing import price
from .storage import Storage

MOST_LINES = 50
MOST_PIECES = 100


class Refused(Exception):
    """The shop says no. `status` is the HTTP status that says it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def place(storage: Storage, user: User, items: object) -> Order:
    """Prices the items, keeps the order; what is not there now is sent later. Raises Refused.

    `items` comes from outside: [{"id": 3, "quantity": 2}, ...].
    """
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_LINES:
        raise Refused(422, f"items: a list of 1 to {MOST_LINES} is needed")
    lines = tuple([await _line(storage, user, item) for item in items])
    order = Order(secrets.token_hex(8), user.id, lines)
    await storage.orders.put(order.id, order)
    return order


async def pay(storage: Storage, order_id: str) -> Payment:
    """Settles an order. Paying again gives the first payment, so that a client may repeat a request. Raises Refused."""
    order = await storage.orders.get(order_id)
    if order is None:
        raise Refused(404, f"no order {order_id}")
    paid = await storage.payments.get(order.id)
    if paid is None:
        paid = Payment(secrets.token_hex(8), order.id, order.total_cents)
        await storage.payments.put(order.id, paid)
    return paid


async def _line(storage: Storage, user: User, item: object) -> Line:
    number = item.get("id") if isinstance(item, dict) else None
    quantity = item.get("quantity", 1) if isinstance(item, dict) else None
    if not isinstance(number, int) or not isinstance(quantity, int) or not 1 <= quantity <= MOST_PIECES:
        raise Refused(422, f'items: {{"id": 1, "quantity": 1..{MOST_PIECES}}} is needed, not {item!r:.80}')
    product = await storage.products.get(number)
    if product is None:
        raise Refused(404, f"no product {number}")
    return Line(product.id, quantity, quantity * price(product, user).gross_cents)
