"""Users who send a picture and look at it: what one server stores, is it there when the next one is asked?

loadlab run sample_apps/stateful/uploads.toml
locust -f locustfiles/picture.py --host http://127.0.0.1:8000
"""

from __future__ import annotations

import itertools
import os

from locust import SequentialTaskSet, constant, task

from loadlab.load import WireHttpUser

USERS = 1000
"""As many as the shop has by default: SHOP_USERS."""
GRAIN = os.urandom(20_000)
"""Nothing that compresses."""

numbers = itertools.cycle(range(1, USERS + 1))


class Portrait(SequentialTaskSet):
    """One picture, sent once and looked at three times."""

    def on_start(self) -> None:
        """Each picture is another user's, in turn, and like no other: one sent long ago is not taken for it."""
        self.path, self.picture = "", b""

    @task
    def send(self) -> None:
        """PUT."""
        self.path = f"/users/{next(numbers)}/picture"
        self.picture = os.urandom(8) + GRAIN
        self.client.put(self.path, data=self.picture, name="/users/[id]/picture")

    @task
    def look(self) -> None:
        """GET, three times: every picture is asked for where it may not be."""
        for _ in range(3):
            with self.client.get(self.path, name="/users/[id]/picture", catch_response=True) as answer:
                if answer.ok and answer.content != self.picture:
                    answer.failure("another picture than the one that was sent last")


class Sender(WireHttpUser):
    """Never rests."""

    wait_time = constant(0)
    tasks = (Portrait,)
