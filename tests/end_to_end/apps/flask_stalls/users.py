"""Most of the market goes to one stall."""

from random import randint, random

from locust import task

from loadlab.load import WireHttpUser


class Buyer(WireHttpUser):
    @task
    def basket(self):
        stall = 7 if random() < 0.8 else randint(8, 60)
        self.client.get(f"/stalls/{stall}/basket", name="/stalls/[stall]/basket", headers={"X-Stall": str(stall)})
