"""Visitors who look around the shop: the list, some products, now and then the front page and a seller.

loadlab run single --locustfile locustfiles/browse.py
locust -f locustfiles/browse.py --host http://127.0.0.1:8000
"""

from __future__ import annotations

import random

from locust import between, task

from loadlab.load import WireHttpUser

PRODUCTS = 200
USERS = 1000
"""As many as the shop has by default: SHOP_PRODUCTS and SHOP_USERS."""


class Visitor(WireHttpUser):
    """Reads for half a second to two between pages."""

    wait_time = between(0.5, 2.0)

    @task(2)
    def front_page(self) -> None:
        """GET /."""
        self.client.get("/")

    @task(5)
    def listing(self) -> None:
        """A page of the catalog: what it lists may be looked at next."""
        with self.client.get("/catalog", catch_response=True) as answer:
            if answer.ok and not answer.content:
                answer.failure("an empty catalog")

    @task(10)
    def product(self) -> None:
        """One product; its number is no part of the name it is counted by."""
        self.client.get(f"/catalog/{random.randint(1, PRODUCTS)}", name="/catalog/{id}")

    @task(1)
    def somebody(self) -> None:
        """A user's page."""
        self.client.get(f"/users/{random.randint(1, USERS)}", name="/users/{id}")
