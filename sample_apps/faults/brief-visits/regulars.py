"""Visitors who keep their connection."""

from __future__ import annotations

from locust import task

from loadlab.load import WireHttpUser


class Regular(WireHttpUser):
    """Looks up the opening hours, again and again."""

    verify = False

    @task
    def look(self) -> None:
        """All offices."""
        self.client.get("/hours")
