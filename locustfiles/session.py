"""Visitors with a session: log in, then look at their profile and around, several times.

loadlab run stateful
locust -f locustfiles/session.py --host http://127.0.0.1:8000
"""

from __future__ import annotations

import random

from locust import SequentialTaskSet, constant, task

from loadlab.load import WireHttpUser

USERS = 1000
"""As many as the shop has by default: SHOP_USERS."""


class Visit(SequentialTaskSet):
    """One login, then pages that know who is there."""

    def on_start(self) -> None:
        """Nobody yet."""
        self.token = ""

    @task
    def log_in(self) -> None:
        """The token is for what comes after."""
        name = str(random.randint(1, USERS))
        with self.client.post("/login", json={"user": name}, catch_response=True) as answer:
            self.token = answer.json()["token"] if answer.ok else ""

    @task
    def profile(self) -> None:
        """Who am I?"""
        self.client.get("/profile", headers={"authorization": self.token})

    @task
    def look(self) -> None:
        """Around."""
        self.client.get("/catalog")

    @task
    def profile_again(self) -> None:
        """Still?"""
        self.client.get("/profile", headers={"authorization": self.token})


class Visitor(WireHttpUser):
    """Never rests: the next page as soon as the last one is there."""

    wait_time = constant(0)
    tasks = (Visit,)
