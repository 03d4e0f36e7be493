"""Customers who buy: an order of many lines with each request."""

from __future__ import annotations

import random

from locust import task

from loadlab.load import WireHttpUser

USERS = 400


class Buyer(WireHttpUser):
    """Somebody else with each request."""

    @task
    def buy(self) -> None:
        """Forty products at once."""
        items = [{"id": random.randint(1, 200), "quantity": 1} for _ in range(40)]
        self.client.post("/orders", json={"user": str(random.randint(1, USERS)), "items": items})
