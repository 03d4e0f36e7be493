"""Purchases without a rest: log in, profile, order, look at the order, pay.

loadlab run microservices
locust -f locustfiles/purchase.py --host http://127.0.0.1:8000
"""

from __future__ import annotations

import random

from locust import SequentialTaskSet, constant, task

from loadlab.load import WireHttpUser

PRODUCTS = 200
USERS = 1000
"""As many as the shop has by default: SHOP_PRODUCTS and SHOP_USERS."""


class Purchase(SequentialTaskSet):
    """One step after the other, then another customer."""

    def on_start(self) -> None:
        """Nobody yet."""
        self.name = self.token = self.order = ""

    @task
    def log_in(self) -> None:
        """Everybody's password is their name."""
        self.name = f"user{random.randint(1, USERS)}"
        body = {"user": self.name, "password": self.name}
        with self.client.post("/login", json=body, catch_response=True) as answer:
            self.token = answer.json()["token"] if answer.ok else ""

    @task
    def profile(self) -> None:
        """Who am I?"""
        self.client.get("/profile", headers={"authorization": self.token})

    @task
    def place_order(self) -> None:
        """Three things."""
        items = [{"id": random.randint(1, PRODUCTS), "quantity": 1} for _ in range(3)]
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
    """Never rests."""

    wait_time = constant(0)
    tasks = (Purchase,)
