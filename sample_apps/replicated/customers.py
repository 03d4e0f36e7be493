"""Customers who look at what they bought, and now and then buy again. WRITES: how many of a hundred buy."""

from __future__ import annotations

import os
import random

from locust import task

from loadlab.load import WireHttpUser

USERS = 400
WRITES = int(os.environ.get("WRITES", "2"))


class Customer(WireHttpUser):
    """Somebody else with each request."""

    @task
    def visit(self) -> None:
        """Buys, or looks."""
        number = random.randint(1, USERS)
        if random.randrange(100) < WRITES:
            items = [{"id": random.randint(1, 200), "quantity": 1} for _ in range(3)]
            self.client.post("/orders", json={"user": str(number), "items": items})
        else:
            self.client.get(f"/users/{number}/bought", name="/users/{id}/bought")
