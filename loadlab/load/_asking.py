"""A client of the open model whose requests need no greenlet that waits for them: two thirds of a request's Python,
which at high rates is what the next one waits for."""

from __future__ import annotations

from collections.abc import Callable

import gevent

from loadlab.clock import SYSTEM
from loadlab.load._answer import WireError
from loadlab.load._connection import Connection
from loadlab.load._response import reason
from loadlab.load.wire import REDIRECTS, WireClient, stale


class AskingClient(WireClient):
    """All that a WireClient does, and `ask`. What is not plain (a failure, a redirect, cookies) ends in a greenlet."""

    def ask(self, path: str, due: float, then: Callable[[], object]) -> bool:
        """A GET meant to leave at `due`: `then` is called once it is counted, mostly in gevent's hub. One at a time.
        False where a greenlet has to wait for it: nothing was done then."""
        if self._fire is not None or self.cookies or not self.keep_alive:
            return False
        connection = self._pool.take(self._origin)
        if connection is None:
            return False
        text, label = self._kept("GET", path, None)
        started = SYSTEM.monotonic()
        if not connection.send_off(text, started, started + self.timeout_s, self._heard):
            return False
        self._ledger.sent()
        self._asked = (connection, path, text, label, due, started, then)
        return True

    def _heard(self) -> None:
        """Runs in the hub: it is counted here, or, where there is more to do, in a greenlet."""
        connection, _, _, label, due, started, then = asked = self._asked
        error, answer, ledger = connection.outcome(), connection.answer, self._ledger
        if error is not None or answer.status >= 300 or answer.cookies:
            gevent.spawn(self._end, error, *asked)
            return
        ledger.counts.bytes_received += connection.received
        ledger.counts.kernel_stamped += connection.stamped
        self._pool.put(self._origin, connection)
        ledger.done(label, due, started, connection.arrived, connection.read_at, ok=True)
        then()

    def _end(
        self,
        error: WireError | None,
        connection: Connection,
        path: str,
        text: bytes,
        label: str,
        due: float,
        started: float,
        then: Callable[[], object],
    ) -> None:
        deadline = started + self.timeout_s
        try:
            if error is None:
                response = self._taken(self._origin, path, text, connection, fresh=False)
            elif stale(connection, error):
                response = self._send("GET", path, text, SYSTEM.monotonic(), deadline)
            else:
                raise error
            if response.status_code in REDIRECTS:
                response = self._follow("GET", response, {}, b"", deadline)
        except WireError as failed:
            response = self._failed(path, text, failed)
        except BaseException:
            self._ledger.abandoned(label, due, started, SYSTEM.monotonic())
            raise
        response.intended, response.started, response.name, response.request_type = due, started, label, "GET"
        self._finish(response, "" if 0 < response.status_code < 400 else reason(response))
        then()
