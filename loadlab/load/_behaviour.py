"""What the generator's users do: a locustfile's, or asking for one path; in the closed model by themselves, in the
open one a request or a task for each arrival."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from locust import LoadTestShape, User, constant, task
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, DefaultTaskSet
from locust.util.load_locustfile import load_locustfile

from loadlab.clock import SYSTEM
from loadlab.load import Wanted, replay
from loadlab.load._asking import AskingClient
from loadlab.load._book import Book
from loadlab.load._user import Shared, WireHttpUser
from loadlab.load.merge import share
from loadlab.load.wire import WireClient


class Sender(Protocol):
    """What an arrival does."""

    def send(self, due: float, what: Any) -> None:
        """At once, and until it is answered."""
        ...

    def ask(self, due: float, what: Any, then: Callable[[], object]) -> bool:
        """At once, without waiting: `then` is called when it is over. False where somebody has to wait: `send` it."""
        ...


class Clients:
    """One request an arrival, by the first connection that is free, or a new one."""

    def __init__(self, config: dict[str, Any], book: Book) -> None:
        self._config, self._book = config, book
        self._path: str = config["path"]
        self._idle: deque[AskingClient] = deque()

    def send(self, due: float, what: replay.Arrival | None) -> None:
        """what: None for the path of the profile's system."""
        client = self._idle.pop() if self._idle else self._client()
        client.late_s = SYSTEM.monotonic() - due
        if what is None:
            client.request("GET", self._path)
        else:
            client.request(what.method, what.path, name=replay.name(what.path), allow_redirects=False)
        self._idle.append(client)

    def ask(self, due: float, what: replay.Arrival | None, then: Callable[[], object]) -> bool:
        """See Sender. By a client that has a connection already."""
        if what is not None or not self._idle:
            return False
        client = self._idle.pop()

        def over() -> None:
            self._idle.append(client)
            then()

        if client.ask(self._path, due, over):
            return True
        self._idle.append(client)
        return False

    def _client(self) -> AskingClient:
        return AskingClient(self._config["host"], self._book, timeout_s=WireHttpUser.network_timeout, tls=Shared.tls)


class Crew:
    """One task an arrival, by a user of a class drawn by weight: the first that is free, or a new one, whose on_start
    runs first. There is no pause after a task: the schedule says when the next one begins. The first request of a
    task is meant to leave when the task is due, each other one when the task asks for it."""

    def __init__(self, environment: Environment, classes: list[type[User]]) -> None:
        self._environment, self._classes = environment, classes
        self._weights = [max(0, each.weight) for each in classes]
        if not any(self._weights):
            raise ValueError("every user class has a weight of 0; a rate of tasks needs one to choose")
        self._chance = random.Random(1)  # noqa: S311 - which task, not a secret
        self._idle: dict[type[User], deque[tuple[User, DefaultTaskSet]]] = defaultdict(deque)
        self._begun = False

    def send(self, due: float, _what: None) -> None:
        """One task."""
        late_s = SYSTEM.monotonic() - due
        if not self._begun:
            self._begin()
        kind = self._chance.choices(self._classes, self._weights)[0]
        idle = self._idle[kind]
        try:
            user, tasks = idle.pop() if idle else self._hired(kind)
        except Exception as error:  # noqa: BLE001 - a user that cannot be made, or whose on_start raises, is counted
            self._raised(kind, error)
            return
        if self._works(user, tasks, late_s):
            idle.append((user, tasks))

    def ask(self, _due: float, _what: None, _then: Callable[[], object]) -> bool:
        """A task has to wait."""
        return False

    def _begin(self) -> None:
        self._begun = True
        for each in self._classes:
            each.host = self._environment.host or each.host
        self._environment.events.test_start.fire(environment=self._environment)  # type: ignore[no-untyped-call]

    def _works(self, user: User, tasks: DefaultTaskSet, late_s: float) -> bool:
        """Whether the user goes on after this task."""
        client = getattr(user, "client", None)
        if isinstance(client, WireClient):
            client.late_s = late_s
        try:
            tasks.execute_task(tasks.get_next_task())  # type: ignore[no-untyped-call]
        except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
            pass
        except StopUser:
            return False
        except Exception as error:  # noqa: BLE001 - a task that raises is counted, as in the closed model
            self._raised(user, error)
        return True

    def _raised(self, who: Any, error: Exception) -> None:
        event: Any = self._environment.events.user_error
        event.fire(user_instance=who, exception=error, tb=error.__traceback__)

    def _hired(self, kind: type[User]) -> tuple[User, DefaultTaskSet]:
        user = kind(self._environment)
        user._state = LOCUST_STATE_RUNNING
        tasks = user._taskset_instance = DefaultTaskSet(user)
        user.on_start()
        return user, tasks


def asked(shape: LoadTestShape) -> Wanted:
    """What its tick says; one that raises ends the load, as the log tells."""
    name = type(shape).__name__
    found: Any = shape.tick()
    if found is None:
        return Wanted(name, over=True)
    users, spawn_rate, *more = found
    classes = tuple(each.__name__ for each in more[0]) if more and more[0] else ()
    return Wanted(name, max(0, int(users)), float(spawn_rate), classes)


def behaviour(config: dict[str, Any]) -> tuple[list[type[User]], LoadTestShape | None]:
    """The locustfile's users and its shape, or users that ask for the path. Raises whatever the locustfile raises."""
    if config.get("locustfile"):
        found, shapes = load_locustfile(config["locustfile"])
        if not found:
            raise ValueError(f"{config['locustfile']} defines no user class")
        refuse_idle(config["locustfile"], list(found.values()))
        if config.get("own_shape") and len(shapes) != 1:
            many = f"defines {len(shapes)} LoadTestShapes" if shapes else "defines no LoadTestShape"
            raise ValueError(f"{config['locustfile']} {many}; the profile's shape is its own, so it needs one")
        return _divided(list(found.values()), *config.get("part", (0, 1))), shapes[0] if len(shapes) == 1 else None
    return [default_user(config)], None


def refuse_idle(locustfile: str, classes: Iterable[type[User]]) -> None:
    """Raises ValueError for a class that has nothing to do: Locust would raise that again and again, while loadlab
    watches a system that nobody asks for anything. One with a `run` of its own needs no task."""
    idle = sorted(each.__name__ for each in classes if not each.tasks and each.run is User.run)
    if idle:
        raise ValueError(
            f"{locustfile}: no task in {', '.join(idle)}; put @task before what such a user does, or abstract = True "
            "into a class that others are made from"
        )


def _divided(classes: list[type[User]], index: int, count: int) -> list[type[User]]:
    """Classes of which there shall be so many and no more: of several processes each has its share."""
    fixed = [each for each in classes if each.fixed_count]
    for each in fixed:
        each.fixed_count = share(each.fixed_count, index, count)
    return [each for each in classes if each not in fixed or each.fixed_count]


def default_user(config: dict[str, Any]) -> type[User]:
    """A user that asks for the path, again and again."""
    path, think_s = config["path"], float(config.get("think_s") or 0.0)

    class Default(WireHttpUser):
        wait_time = constant(think_s)

        @task
        def ask(self) -> None:
            self.client.request("GET", path)
            # Without a pause there is nothing between requests that would need Locust's scheduler.
            while think_s == 0 and self._state == LOCUST_STATE_RUNNING:
                self.client.request("GET", path)

    return Default
