"""Visitors who ask once and are gone: each request is on a connection of its own."""

from __future__ import annotations

from locust import task

from loadlab.load import WireHttpUser


class Visitor(WireHttpUser):
    """Looks up the opening hours."""

    keep_alive = False
    verify = False

    @task
    def look(self) -> None:
        """All offices."""
        self.client.get("/hours")
