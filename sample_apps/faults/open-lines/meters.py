"""Meters: each asks for the tariff now and then."""

from __future__ import annotations

from locust import between, task

from loadlab.load import WireHttpUser


class Meter(WireHttpUser):
    """One in each cellar."""

    wait_time = between(4, 9)

    @task
    def ask(self) -> None:
        """The tariff."""
        self.client.get("/tariff", name="/tariff")
