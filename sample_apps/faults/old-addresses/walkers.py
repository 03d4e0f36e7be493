"""People with old papers in their hands."""

from __future__ import annotations

import random

from locust import constant, task

from loadlab.load import WireHttpUser


class Reader(WireHttpUser):
    """Types in a number, whether it leads somewhere or not."""

    wait_time = constant(0.2)

    @task
    def look(self) -> None:
        """Any of them."""
        self.client.get(f"/{random.randrange(3000)}", name="/number")
