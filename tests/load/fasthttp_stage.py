"""Where the cases of Locust's own tests of FastHttpUser are played; imports locust, which patches the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locust.env import Environment

CASES: dict[str, Callable[[Any], None]] = {}


def case(check: Callable[[Any], None]) -> Callable[[Any], None]:
    CASES[check.__name__] = check
    return check


class Stage:
    """A server, a user class of the kind under test, an environment with Locust's own statistics."""

    def __init__(self, kind: type[Any], port: int) -> None:
        self.kind = kind
        self.url = f"http://127.0.0.1:{port}"
        self.environment = Environment(user_classes=[])
        self.environment.create_local_runner()
        self.fired: list[dict[str, Any]] = []
        self.environment.events.request.add_listener(lambda **what: self.fired.append(what))

    def user(self, **attributes: Any) -> Any:
        made = type("MyUser", (self.kind,), {"host": self.url, **attributes})
        return made(self.environment)

    @property
    def client(self) -> Any:
        return self.user().client

    def stats(self, name: str, method: str = "GET") -> Any:
        return self.environment.stats.get(name, method)

    @property
    def failures(self) -> int:
        return sum(1 for each in self.fired if each["exception"])

    @property
    def successes(self) -> int:
        return len(self.fired) - self.failures
