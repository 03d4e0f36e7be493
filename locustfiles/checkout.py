"""Customers who buy: log in, look at their profile, order, look at the order, pay.

loadlab run single --locustfile locustfiles/checkout.py
locust -f locustfiles/checkout.py --host http://127.0.0.1:8000
"""

from __future__ import annotations

import random

from locust import SequentialTaskSet, between, task

from loadlab.load import WireHttpUser

PRODUCTS = 200
USERS = 1000
"""As many as the shop has by default: SHOP_PRODUCTS and SHOP_USERS."""


class Purchase(SequentialTaskSet):
    """One step after the other, then from the start with another purchase."""

    def on_start(self) -> None:
        """A customer stays the same person."""
        self.name = str(random.randint(1, USERS))
        self.token = self.order = ""

    @task
    def log_in(self) -> None:
        """The token is for what comes after."""
        with self.client.post("/login", json={"user": self.name}, catch_response=True) as answer:
            self.token = answer.json()["token"] if answer.ok else ""

    @task
    def profile(self) -> None:
        """Only for those who are logged in."""
        self.client.get("/profile", headers={"authorization": self.token})

    @task
    def look(self) -> None:
        """At what is bought next."""
        self.product = random.randint(1, PRODUCTS)
        self.client.get(f"/catalog/{self.product}", name="/catalog/{id}")

    @task
    def place_order(self) -> None:
        """One to three pieces."""
        items = [{"id": self.product, "quantity": random.randint(1, 3)}]
        with self.client.post("/orders", json={"user": self.name, "items": items}, catch_response=True) as answer:
            self.order = answer.json()["id"] if answer.ok else ""

    @task
    def show_order(self) -> None:
        """Is it there?"""
        if self.order:
            self.client.get(f"/orders/{self.order}", name="/orders/{id}")

    @task
    def pay(self) -> None:
        """Settled."""
        if self.order:
            self.client.post("/payments", json={"order": self.order})


class Customer(WireHttpUser):
    """Thinks for a tenth of a second to a second between steps."""

    wait_time = between(0.1, 1.0)
    tasks = (Purchase,)
