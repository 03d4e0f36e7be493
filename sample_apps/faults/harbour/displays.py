"""Displays, whose clocks agree: each asks on every even second."""

from __future__ import annotations

import time

from locust import task

from loadlab.load import WireHttpUser


class Display(WireHttpUser):
    """One on every quay."""

    def wait_time(self) -> float:
        """Until the next even second."""
        return 2.0 - time.time() % 2.0

    @task
    def look(self) -> None:
        """The first quay's departures."""
        self.client.get("/departures", name="/departures")
