"""The load generator: the only file that imports locust, which patches the process it is imported into.

As a child process, `python -m loadlab.load._generator`: its first line of input is a Config as JSON, each further
line a
command ({"users": 32} {"rate": 500} {"cut": true} {"stop": true}); its output is frames, see _book.py. It ends with
its input: a loadlab that was killed leaves no generator behind.

In a locustfile, `WireHttpUser` takes the place of FastHttpUser; it works under plain `locust -f` as well.
"""

from __future__ import annotations

import gc
import json
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
from locust.env import Environment
from locust.exception import StopUser
from locust.util.load_locustfile import load_locustfile

from loadlab.clock import SYSTEM
from loadlab.load._book import Book, encode
from loadlab.load._connection import sweeping
from loadlab.load._response import Response
from loadlab.load.wire import WireClient

SPAWN_AT_ONCE = 100_000
"""Locust starts floor(spawn_rate) users in its first batch: all of them."""
GRACE_S = 2.0
"""How long requests under way may take when the run is over."""
FINISH_S = 60
"""How long a user that is stopped during the run may take to finish its task."""


class Shared:
    """What all users of this process share. Under plain `locust -f`: a book nobody reads."""

    book = Book(SYSTEM.monotonic())
    always_fire = True
    """Locust's own statistics live on the `request` event; loadlab's do not."""
    firing = False
    tls: ssl.SSLContext | None = None
    sweeper: Any = None


class WireHttpUser(User):
    """A user with a client that measures at the wire. Attributes as FastHttpUser's where they mean the same.

    verify: check TLS certificates; ca: file of further authorities; keep_alive: one connection for all requests;
    network_timeout: seconds for a whole answer; unix_socket: path to connect to instead of the host.
    """

    abstract = True
    verify = True
    ca: str | None = None
    keep_alive = True
    network_timeout = 60.0
    unix_socket: str | None = None

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if not self.host:
            raise ValueError("WireHttpUser needs a host: set `host` on the class, or --host")
        if Shared.sweeper is None:
            Shared.sweeper = gevent.spawn(sweeping, gevent.sleep)
        self.client = WireClient(
            self.host,
            Shared.book,
            fire=self._fire if Shared.always_fire else None,
            timeout_s=self.network_timeout,
            tls=Shared.tls or (tls_context(verify=self.verify, ca=self.ca) if "https" in self.host else None),
            keep_alive=self.keep_alive,
            unix_socket=self.unix_socket,
        )
        wait_time = self.wait_time
        self.wait_time = lambda: self._due(wait_time())  # type: ignore[method-assign]

    def on_stop(self) -> None:
        """Close the connections."""
        self.client.close()

    def _due(self, wait_s: float) -> float:
        """After a pause the next request is meant to leave at its end, however late this process then is."""
        if wait_s > 0:
            self.client.due = SYSTEM.monotonic() + wait_s
        return wait_s

    def _fire(self, response: Response, failed: str) -> None:
        Shared.firing = True
        try:
            self.environment.events.request.fire(
                request_type=response.request_type,
                name=response.name.partition(" ")[2],
                response_time=1000 * (response.arrived - response.intended),
                response_length=len(response._body),
                response=response,
                context=self.context(),
                exception=(response.error or RuntimeError(failed)) if failed else None,
                start_time=SYSTEM.wall() - (SYSTEM.monotonic() - response.started),
                url=response.url,
            )
        finally:
            Shared.firing = False


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
        self._book.cut(SYSTEM.monotonic())
        if config["host"].startswith("https"):
            Shared.tls = tls_context(verify=config.get("verify", True), ca=config.get("ca"))
        self._environment = self._prepare()
        self._idle: deque[WireClient] = deque()

    def _prepare(self) -> Environment:
        classes = user_classes(self._config)
        theirs = len(locust.events.request._handlers)
        environment = Environment(user_classes=classes, events=locust.events, host=self._config["host"])
        environment.stop_timeout = FINISH_S
        environment.create_local_runner()
        handlers = environment.events.request._handlers
        # Locust's own statistics round and bucket what the book keeps exactly: only listeners of the user's are fired.
        environment.events.request._handlers = handlers[:theirs]
        Shared.always_fire = theirs > 0
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
        started = now - response_time / 1000
        self._book.done(label, started, started, now, now, ok=exception is None)

    def _user_error(self, user_instance: User, exception: Exception, **_more: Any) -> None:
        text = "".join(traceback.format_exception(exception))
        name = f"{type(user_instance).__name__} raised {type(exception).__name__}"
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
                os._exit(0)
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
        self._book.users = users
        runner = self._environment.runner
        if runner is not None:
            runner.start(users, spawn_rate=SPAWN_AT_ONCE)

    def _tick(self) -> None:
        interval_s = float(self._config.get("interval_s", 1.0))
        due = SYSTEM.monotonic() + interval_s
        while True:
            gevent.sleep(max(0.0, due - SYSTEM.monotonic()))
            self._emit()
            due = max(due + interval_s, SYSTEM.monotonic())

    def _emit(self) -> None:
        frame = encode(self._book.cut(SYSTEM.monotonic()))
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
                gevent.sleep(0.05)
                due = SYSTEM.monotonic()
                continue
            due += 1 / self._rate if even else chance.expovariate(self._rate)
            pause = due - SYSTEM.monotonic()
            if pause > 0:
                gevent.sleep(pause)
            gevent.spawn(self._arrive, due)

    def _arrive(self, due: float) -> None:
        client = self._idle.pop() if self._idle else self._client()
        client.due = due
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
        self._emit()


def user_classes(config: dict[str, Any]) -> list[type[User]]:
    """The locustfile's users, or one that asks for the path. Raises whatever the locustfile raises."""
    if config.get("locustfile"):
        found, _ = load_locustfile(config["locustfile"])
        classes = list(found.values())
        if not classes:
            raise ValueError(f"{config['locustfile']} defines no user class")
        return classes
    path, think_s = config["path"], float(config.get("think_s") or 0.0)

    class Default(WireHttpUser):
        wait_time = constant(think_s)

        @task
        def ask(self) -> None:
            if self._state == "stopping":
                raise StopUser
            self.client.get(path)

    return [Default]


def main() -> None:
    """The child process."""
    # What a locustfile prints goes to the log; the frames have a descriptor of their own.
    output = os.dup(1)
    os.dup2(2, 1)
    gevent_os.make_nonblocking(output)
    config = json.loads(sys.stdin.buffer.readline())
    try:
        generator = Generator(config, output)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        sys.stderr.write("".join(traceback.format_exception(error)))
        sys.stderr.flush()
        os._exit(3)
    generator.run()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    # One module, not two: a locustfile's `from loadlab.load import WireHttpUser` must find these very classes.
    from loadlab.load import _generator  # noqa: PLW0406 - see above

    _generator.main()
