"""The load generator. With _user.py and _behaviour.py the only files that import locust, which patches the process it
is imported into.

As a child process, `python -m loadlab.load._generator`: its first line of input is a Config as JSON, each further line
a command ({"users": 32} {"rate": 500, "part": [0, 2]} {"replay": true} {"own_shape": true} {"cut": 7} {"stop": true});
its output is frames, see _book.py. It ends with its input: a loadlab that was killed leaves no generator behind.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import locust
from gevent import os as gevent_os
from gevent.lock import RLock
from locust import LoadTestShape, User
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.runners import Runner
from locust.user.task import LOCUST_STATE_STOPPING

from loadlab.clock import SYSTEM
from loadlab.load import Wanted, replay
from loadlab.load._alarm import alarm
from loadlab.load._arrivals import Arrivals
from loadlab.load._behaviour import Clients, Crew, Sender, asked, behaviour
from loadlab.load._book import Book, encode
from loadlab.load._child import end_with_parent, leave, log_seldom, spent_s, take_all_files
from loadlab.load._mending import Leavers
from loadlab.load._user import Shared, WireHttpUser, tls_context

__all__ = ["WireHttpUser"]

SPAWN_AT_ONCE = 100_000
"""Locust starts floor(spawn_rate) users in its first batch: all of them."""
GRACE_S = 2.0
"""How long requests under way may take when the run is over."""
FINISH_S = 60
"""How long a user that is stopped during the run may take to finish its task."""
MEND_S = 0.1
"""How often users are counted again while some that were told to stop may still be there."""
RAISED_S = 0.25
"""How long a user pauses whose task raised, so that one that always does leaves the core to the others."""


class Generator:
    """The child process: users by command, frames out."""

    def __init__(self, config: dict[str, Any], output: int) -> None:
        self._config = config
        self._output = output
        self._writing = RLock()
        self._interval_s = float(config.get("interval_s", 1.0))
        self._index, self._count = config.get("part", (0, 1))
        self._book = Shared.book = Book(config["t0"])
        self._book.cut(SYSTEM.monotonic())
        self._mending: gevent.Greenlet | None = None
        if config["host"].startswith("https"):
            Shared.tls = tls_context(verify=config.get("verify", True), ca=config.get("ca"))
        classes, self._shape = behaviour(config)
        self._environment = self._prepare(classes)
        self._arrivals = self._open_model(classes) if config.get("model") == "open" else None
        if self._shape is not None:
            self._book.wanted = Wanted(type(self._shape).__name__)

    def _prepare(self, classes: list[type[User]]) -> Environment:
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
        kind = user if isinstance(user, type) else type(user)
        self._error(f"{kind.__name__} raised {type(exception).__name__}", exception)
        gevent.sleep(RAISED_S)

    def _error(self, name: str, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        self._book.failure("(locustfile)", name, SYSTEM.monotonic(), text[-2000:])

    def run(self) -> None:
        """Until it is told to stop or its input ends."""
        gc.collect()
        gc.freeze()
        self._emit()  # whoever waits for it knows that it is ready
        if self._interval_s > 0:
            gevent.spawn(self._tick)
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
            self._users(int(command["users"]), command.get("spawn_rate"), command.get("classes"))
        if "rate" in command and self._arrivals is not None:
            part = command.get("part")
            self._arrivals.at_rate(float(command["rate"]), None, tuple(part) if part else None)
        if command.get("replay") and self._arrivals is not None:
            found = replay.read(**{**self._config["replay"], "path": Path(self._config["replay"]["path"])})
            mine = found.arrivals[self._index :: self._count]
            self._arrivals.at_times((each.t, each) for each in mine)
        if command.get("own_shape") and self._shape is not None:
            gevent.spawn(self._ask_shape, self._shape)
        if command.get("cut"):
            self._emit(int(command["cut"]))
        if command.get("stop"):
            self._stop()
        return bool(command.get("stop"))

    def _users(self, users: int, spawn_rate: float | None, names: list[str] | None) -> None:
        runner = self._environment.runner
        if runner is None:
            return
        if self._mending is not None:
            self._mending.kill(block=False)
        classes = [runner.user_classes_by_name[each] for each in names] if names else None

        def start(users: int) -> None:
            runner.start(users, spawn_rate=spawn_rate or SPAWN_AT_ONCE, user_classes=classes)
            if runner.spawning_greenlet is not None:
                runner.spawning_greenlet.link_exception(self._not_spawned)

        under_way = runner.spawning_greenlet is not None and not runner.spawning_greenlet.ready()
        start(users)
        self._mending = gevent.spawn(self._mend, runner, users, start) if under_way else None

    @staticmethod
    def _mend(runner: Runner, users: int, start: Callable[[int], None]) -> None:
        """Those whom the call before told to stop first end what they do; Locust takes them for users that stay, or
        stops them a second time, and has too few in the end. Users that stop themselves meanwhile have stopped."""
        leavers, until = Leavers(lambda user: user._state == LOCUST_STATE_STOPPING), SYSTEM.monotonic() + FINISH_S + 1.0
        while SYSTEM.monotonic() < until:
            ending = leavers.look({each: each.args[0] for each in runner.user_greenlets if each.args})
            wanted = users - leavers.themselves
            if runner.spawning_greenlet is None or runner.spawning_greenlet.ready():
                if runner.user_count != wanted:
                    start(wanted)
                elif not ending:
                    return
            gevent.sleep(MEND_S)

    def _ask_shape(self, shape: LoadTestShape) -> None:
        """Once a second, as Locust does, but never late because users are being started: those who ask for users are
        told, and start them."""
        shape.runner = self._environment.runner
        shape.reset_time()  # type: ignore[no-untyped-call]
        due = SYSTEM.monotonic()
        wanted = self._book.wanted
        while wanted is None or not wanted.over:
            try:
                wanted = asked(shape)
            except Exception as error:  # noqa: BLE001 - whatever a shape of the user's raises, the load ends and says so
                self._error(f"{type(shape).__name__}.tick raised {type(error).__name__}", error)
                wanted = Wanted(type(shape).__name__, over=True)
            if wanted != self._book.wanted:
                self._book.wanted = wanted
                self._emit()
            due += 1.0
            alarm().sleep_until(due)

    def _not_spawned(self, greenlet: Any) -> None:
        """A user class that cannot even be made."""
        self._error(f"no user could be started: {type(greenlet.exception).__name__}", greenlet.exception)

    def _tick(self) -> None:
        due = SYSTEM.monotonic() + self._interval_s
        while True:
            alarm().sleep_until(due)
            self._emit()
            due = max(due + self._interval_s, SYSTEM.monotonic())

    def _emit(self, number: int = 0) -> None:
        runner = self._environment.runner
        self._book.users = runner.user_count if runner is not None else 0
        self._book.spent_s = spent_s()
        frame = encode(self._book.cut(SYSTEM.monotonic(), number))
        with self._writing:
            for piece in frame:
                rest = memoryview(piece)
                while rest:  # a pipe holds 64 KiB: requests go on while it is full
                    rest = rest[gevent_os.nb_write(self._output, rest) :]

    def _open_model(self, classes: list[type[User]]) -> Arrivals[Any]:
        even, most = self._config.get("arrivals") == "even", self._config.get("max_in_flight")
        sender: Sender
        if self._config.get("locustfile"):
            sender = Crew(self._environment, classes)
        else:
            sender = Clients(self._config, self._book)
        part = (self._index, self._count)
        chance = 1 + self._index
        return Arrivals(self._book, sender.send, even=even, most=most, seed=chance, part=part, ask=sender.ask)

    def _stop(self) -> None:
        if self._arrivals is not None:
            self._arrivals.stop()
        self._book.closing = True
        environment = self._environment
        environment.stop_timeout = GRACE_S
        with gevent.Timeout(GRACE_S + 1.0, False):
            if environment.runner is not None:
                environment.runner.stop()
            while self._config.get("model") == "open" and self._book.in_flight:
                gevent.sleep(0.02)
        self._emit()


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
