"""Members: they log in once and stay. Who is not known any more logs in again, which is counted by a name of its own.

loadlab run sticky --locustfile locustfiles/member.py
locust -f locustfiles/member.py --host http://127.0.0.1:8000
"""

from __future__ import annotations

import random

from locust import constant, task

from loadlab.load import WireHttpUser

USERS = 1000
"""As many as the shop has by default: SHOP_USERS."""
FIRST, AGAIN = "/login", "/login (again)"


class Member(WireHttpUser):
    """Looks at the own profile ten times a second."""

    wait_time = constant(0.1)

    def on_start(self) -> None:
        """The one login that should be needed."""
        self.token = ""
        self._log_in(FIRST)

    @task
    def profile(self) -> None:
        """Who am I? A 401 is an answer here, and no failure: what it costs is the login after it."""
        with self.client.get("/profile", headers={"authorization": self.token}, catch_response=True) as answer:
            logged_out = answer.status_code == 401
            if logged_out:
                answer.success()
        if logged_out:
            self._log_in(AGAIN)

    def _log_in(self, name: str) -> None:
        user = {"user": str(random.randint(1, USERS))}
        with self.client.post("/login", json=user, name=name, catch_response=True) as answer:
            self.token = answer.json()["token"] if answer.ok else ""
