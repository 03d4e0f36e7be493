"""Bells, whose clocks agree: each asks every four seconds, on a connection of its own."""

from __future__ import annotations

import time

from locust import task

from loadlab.load import WireHttpUser

EVERY_S = 4.0


class Bell(WireHttpUser):
    """One in every village."""

    keep_alive = False

    def wait_time(self) -> float:
        """Until the next round."""
        return EVERY_S - time.time() % EVERY_S

    @task
    def look(self) -> None:
        """Whom to ring for."""
        self.client.get("/brigades", name="/brigades")
