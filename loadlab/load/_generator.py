"""The load generator: the only file that imports locust, which patches the process it is imported into.

As a child process, `python -m loadlab.load._generator`: its first line of input is a Config as JSON, each further line
a command ({"users": 32} {"rate": 500} {"cut": true} {"stop": true}); its output is frames, see _book.py. It ends with
its input: a loadlab that was killed leaves no generator behind.

In a locustfile, `WireHttpUser` takes the place of FastHttpUser; it works under plain `locust -f` as well.
"""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import random
import ssl
import sys
import traceback
from collections import deque
from typing import Any

import gevent
import locust
from gevent import os as gevent_os
from gevent.lock import RLock
from locust import User, constant, task
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.exception import (
    CatchResponseError,
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    ResponseError,
    StopUser,
)
from locust.user.task import LOCUST_STATE_RUNNING, TaskSet
from locust.user.users import RestMixin
from locust.util.load_locustfile import load_locustfile

from loadlab.clock import SYSTEM
from loadlab.load._alarm import alarm
from loadlab.load._answer import WireError
from loadlab.load._book import Book, encode
from loadlab.load._child import end_with_parent, leave, log_seldom, take_all_files
from loadlab.load._response import Judged, Response
from loadlab.load.wire import WireClient

SPAWN_AT_ONCE = 100_000
"""Locust starts floor(spawn_rate) users in its first batch: all of them."""
GRACE_S = 2.0
"""How long requests under way may take when the run is over."""
FINISH_S = 60
"""How long a user that is stopped during the run may take to finish its task."""
RAISED_S = 0.25
"""How long a user pauses whose task raised, so that one that always does leaves the core to the others."""

Judged.spared = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser)
Judged.forgiven = (WireError, ResponseError)


class Shared:
    """What all users of this process share. Under plain `locust -f`: a book nobody reads."""

    book = Book(SYSTEM.monotonic())
    recording = False
    always_fire = True
    """Locust's own statistics live on the `request` event; loadlab's do not."""
    firing = False
    tls: ssl.SSLContext | None = None


class WireHttpUser(RestMixin[Any], User):
    """A user with a client that measures at the wire. Attributes as FastHttpUser's where they mean the same.

    verify: check TLS certificates; ca: file of further authorities; keep_alive: one connection for all requests;
    network_timeout: seconds for a whole answer; default_headers: sent with each request; unix_socket: path to connect
    to instead of the host.
    """

    abstract = True
    verify = True
    ca: str | None = None
    keep_alive = True
    network_timeout = 60.0
    default_headers: dict[str, str] | None = None
    unix_socket: str | None = None

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if not self.host:
            raise ValueError("WireHttpUser needs a host: set `host` on the class, or --host")
        self.client = WireClient(
            self.host,
            Shared.book,
            fire=self._fire if Shared.always_fire else None,
            timeout_s=self.network_timeout,
            tls=Shared.tls or (tls_context(verify=self.verify, ca=self.ca) if "https" in self.host else None),
            keep_alive=self.keep_alive,
            unix_socket=self.unix_socket,
        )
        self.client.headers |= self.default_headers or {}

    def start(self, group: Any) -> Any:
        """As any user, but that its connections are closed whatever ends it: a locustfile's on_stop need not know."""
        greenlet = super().start(group)
        greenlet.link(lambda _: self.client.close())
        return greenlet

    def _fire(self, response: Response, failed: str) -> None:
        Shared.firing = True
        if not Shared.recording:
            Shared.book.forget()
        try:
            self.environment.events.request.fire(
                request_type=response.request_type,
                name=response.name.partition(" ")[2],
                response_time=1000 * (response.arrived - response.intended),
                response_length=response.size,
                response=response,
                context=self.context(),
                exception=(response.error or CatchResponseError(failed)) if failed else None,
                start_time=SYSTEM.wall() - (SYSTEM.monotonic() - response.started),
                url=response.url,
            )
        finally:
            Shared.firing = False


_sleep = TaskSet._sleep


def _pause(self: TaskSet, seconds: float) -> None:
    """A WireHttpUser wakes to the microsecond, and its client knows how late that was."""
    client = getattr(self.user, "client", None)
    if isinstance(client, WireClient):
        client.pause(seconds)
    else:
        _sleep(self, seconds)  # type: ignore[no-untyped-call]


TaskSet._sleep = _pause  # type: ignore[method-assign]


def tls_context(*, verify: bool, ca: str | None) -> ssl.SSLContext:
    """Certificates are checked unless the user said otherwise."""
    context = ssl.create_default_context(cafile=ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Generator:
    """The child process: users by command, frames out."""

    def __init__(self, config: dict[str, Any], output: int) -> None:
        self._config = config
        self._output = output
        self._writing = RLock()
        self._rate = float(config.get("rate") or 0.0)
        self._book = Shared.book = Book(config["t0"])
        Shared.recording = True
        self._book.cut(SYSTEM.monotonic())
        if config["host"].startswith("https"):
            Shared.tls = tls_context(verify=config.get("verify", True), ca=config.get("ca"))
        self._environment = self._prepare()
        self._idle: deque[WireClient] = deque()

    def _prepare(self) -> Environment:
        classes = user_classes(self._config)
        theirs = len(locust.events.request._handlers)
        options = get_parser([]).parse_args([])
        options.host = self._config["host"]
        environment = Environment(
            user_classes=classes, events=locust.events, host=self._config["host"], parsed_options=options
        )
        environment.stop_timeout = FINISH_S
        runner = environment.create_local_runner()
        handlers = environment.events.request._handlers
        # Locust's own statistics round and bucket what the book keeps exactly: only listeners of the user's are fired.
        environment.events.request._handlers = handlers[:theirs]
        environment.events.init.fire(environment=environment, runner=runner, web_ui=None)  # type: ignore[no-untyped-call]
        Shared.always_fire = len(environment.events.request._handlers) > 0
        environment.events.request.add_listener(self._foreign)  # type: ignore[no-untyped-call]
        environment.events.user_error.add_listener(self._user_error)  # type: ignore[no-untyped-call]
        return environment

    def _foreign(
        self,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        exception: Exception | None = None,
        **_more: Any,
    ) -> None:
        """A request of HttpUser or another client: no kernel stamp, and its time is all there is."""
        if Shared.firing:
            return
        label, now = f"{request_type} {name}", SYSTEM.monotonic()
        self._book.sent()
        self._book.counts.bytes_received += response_length or 0
        if exception is not None:
            self._book.failure(label, type(exception).__name__, now, str(exception))
        started = now - (response_time or 0.0) / 1000
        self._book.done(label, started, started, now, now, ok=exception is None)

    def _user_error(self, user_instance: Any, exception: Exception, **_more: Any) -> None:
        user = getattr(user_instance, "user", user_instance)
        self._error(f"{type(user).__name__} raised {type(exception).__name__}", exception)
        gevent.sleep(RAISED_S)

    def _error(self, name: str, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        self._book.failure("(locustfile)", name, SYSTEM.monotonic(), text[-2000:])

    def run(self) -> None:
        """Until it is told to stop or its input ends."""
        gc.collect()
        gc.freeze()
        gevent.spawn(self._tick)
        if self._config.get("model") == "open":
            gevent.spawn(self._arrivals)
        pending = b""
        gevent_os.make_nonblocking(0)
        while True:
            data = gevent_os.nb_read(0, 65_536)
            if not data:
                leave(0)
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if self._obey(json.loads(line)):
                    return

    def _obey(self, command: dict[str, Any]) -> bool:
        """Returns True when it was the last one."""
        if "users" in command:
            self._users(int(command["users"]))
        if "rate" in command:
            self._rate = float(command["rate"])
        if command.get("cut"):
            self._emit()
        if command.get("stop"):
            self._stop()
        return bool(command.get("stop"))

    def _users(self, users: int) -> None:
        runner = self._environment.runner
        if runner is not None:
            runner.start(users, spawn_rate=SPAWN_AT_ONCE)
            if runner.spawning_greenlet is not None:
                runner.spawning_greenlet.link_exception(self._not_spawned)

    def _not_spawned(self, greenlet: Any) -> None:
        """A user class that cannot even be made."""
        self._error(f"no user could be started: {type(greenlet.exception).__name__}", greenlet.exception)

    def _tick(self) -> None:
        interval_s = float(self._config.get("interval_s", 1.0))
        due = SYSTEM.monotonic() + interval_s
        while True:
            alarm().sleep_until(due)
            self._emit()
            due = max(due + interval_s, SYSTEM.monotonic())

    def _emit(self) -> None:
        runner = self._environment.runner
        self._book.users = runner.user_count if runner is not None else 0
        frame = memoryview(encode(self._book.cut(SYSTEM.monotonic())))
        with self._writing:
            while frame:
                frame = frame[gevent_os.nb_write(self._output, frame) :]

    def _arrivals(self) -> None:
        """Open model: each request has its moment, and leaves then or as soon after as this process can."""
        even = self._config.get("arrivals") == "even"
        chance = random.Random(self._config.get("seed", 1))  # noqa: S311 - arrivals, not a secret
        due = SYSTEM.monotonic()
        while True:
            if self._rate <= 0:
                gevent.sleep(0.02)
                due = SYSTEM.monotonic()
                continue
            due += 1 / self._rate if even else chance.expovariate(self._rate)
            if due > SYSTEM.monotonic():
                alarm().sleep_until(due)
            gevent.spawn(self._arrive, due)

    def _arrive(self, due: float) -> None:
        client = self._idle.pop() if self._idle else self._client()
        client.late_s = SYSTEM.monotonic() - due
        client.get(self._config["path"])
        self._idle.append(client)

    def _client(self) -> WireClient:
        return WireClient(self._config["host"], self._book, timeout_s=WireHttpUser.network_timeout, tls=Shared.tls)

    def _stop(self) -> None:
        self._rate = 0.0
        self._book.closing = True
        environment = self._environment
        environment.stop_timeout = GRACE_S
        with gevent.Timeout(GRACE_S + 1.0, False):
            if environment.runner is not None:
                environment.runner.stop()
            while self._config.get("model") == "open" and self._book.in_flight:
                gevent.sleep(0.02)
        self._emit()


def user_classes(config: dict[str, Any]) -> list[type[User]]:
    """The locustfile's users, or one that asks for the path. Raises whatever the locustfile raises."""
    if config.get("locustfile"):
        found, shapes = load_locustfile(config["locustfile"])
        if shapes:
            logging.getLogger(__name__).warning("its LoadTestShape is not used: how many users there are says loadlab")
        if not found:
            raise ValueError(f"{config['locustfile']} defines no user class")
        return list(found.values())
    path, think_s = config["path"], float(config.get("think_s") or 0.0)

    class Default(WireHttpUser):
        wait_time = constant(think_s)

        @task
        def ask(self) -> None:
            self.client.request("GET", path)
            # Without a pause there is nothing between requests that would need Locust's scheduler.
            while think_s == 0 and self._state == LOCUST_STATE_RUNNING:
                self.client.request("GET", path)

    return [Default]


def main() -> None:
    """The child process."""
    # What a locustfile prints goes to the log; the frames have a descriptor of their own.
    output = os.dup(1)
    os.dup2(2, 1)
    gevent_os.make_nonblocking(output)
    take_all_files()
    log_seldom()
    # Unbuffered: a command that follows at once must stay in the pipe.
    config = json.loads(io.FileIO(0, closefd=False).readline())
    end_with_parent()
    try:
        generator = Generator(config, output)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        sys.stderr.write("".join(traceback.format_exception(error)))
        leave(3)
    generator.run()
    leave(0)


if __name__ == "__main__":
    # One module, not two: a locustfile's `from loadlab.load import WireHttpUser` must find these very classes.
    from loadlab.load import _generator  # noqa: PLW0406 - see above

    _generator.main()
