"""Visitors from many addresses, as they come through a proxy that is trusted: each says in X-Forwarded-For where from.

Set the balancer to believe it: real_ip_header of nginx, `http-request set-src` of HAProxy (benchmarks/balancing.py).
"""

from __future__ import annotations

import random

from locust import constant, task

from loadlab.load import WireHttpUser


class Visitor(WireHttpUser):
    """One page for each task, from an address that any visitor may have; nginx looks at its first three numbers."""

    wait_time = constant(0)

    @task
    def catalog(self) -> None:
        """The list."""
        address = ".".join(str(random.randint(1, 250)) for _ in range(4))
        self.client.get("/catalog", headers={"x-forwarded-for": address})
