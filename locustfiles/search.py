"""Visitors who each search for something else: no page is asked for twice, but by chance.

loadlab run single --locustfile locustfiles/search.py
locust -f locustfiles/search.py --host http://127.0.0.1:8000
"""

from __future__ import annotations

import random

from locust import constant, task

from loadlab.load import WireHttpUser

WORDS = ("jacket", "shoe", "boot", "guide", "lamp", "bag", "pole", "mat", "soup", "beans", "waterproof", "lightweight",
         "recycled", "insulated", "compact", "rugged", "spring", "summer", "autumn", "winter")  # fmt: skip
"""Of the shop's titles."""
PAGES = 7
"""Of 200 products, 24 on a page: so many are full."""


class Searcher(WireHttpUser):
    """Never rests."""

    wait_time = constant(0)

    @task
    def search(self) -> None:
        """Four words, in an order: 116,280 questions of seven pages each."""
        words, page = "+".join(random.sample(WORDS, 4)), random.randint(1, PAGES)
        self.client.get(f"/catalog?q={words}&page={page}", name="/catalog")
