"""WireHttpUser: a user of Locust whose client measures at the wire. In a locustfile it takes the place of
FastHttpUser, and it works under plain `locust -f` as well."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

from locust import User
from locust.env import Environment
from locust.exception import (
    CatchResponseError,
    InterruptTaskSet,
    LocustError,
    RescheduleTask,
    RescheduleTaskImmediately,
    ResponseError,
    StopUser,
)
from locust.user.task import TaskSet
from locust.user.users import RestMixin

from loadlab.clock import SYSTEM
from loadlab.load._answer import WireError
from loadlab.load._book import Book, Unread
from loadlab.load._connection import OFFSET
from loadlab.load._response import Judged, Response, reason
from loadlab.load.wire import WireClient

Judged.spared = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser)
Judged.forgiven = (WireError, ResponseError)
Response.misuse = LocustError


class Shared:
    """What all users of this process share. Under plain `locust -f`: a book nobody reads."""

    book: Book = Unread(SYSTEM.monotonic())
    always_fire = True
    """Locust's own statistics live on the `request` event; loadlab's do not."""
    firing = False
    tls: ssl.SSLContext | None = None


class WireHttpUser(RestMixin[Any], User):
    """A user with a client that measures at the wire. Attributes as FastHttpUser's where they mean the same.

    verify: check TLS certificates, unless `insecure` is set; ca: file of further authorities; keep_alive: use
    connections again; network_timeout: seconds for a whole answer, connection_timeout: for connecting;
    default_headers: sent with each request; unix_socket: path to connect to instead of the host.
    """

    abstract = True
    verify = True
    insecure = False
    ca: str | None = None
    keep_alive = True
    network_timeout = 60.0
    connection_timeout = 60.0
    max_redirects = 30
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
            tls=self._tls(),
            keep_alive=self.keep_alive,
            unix_socket=self.unix_socket,
            connect_s=self.connection_timeout,
            max_redirects=self.max_redirects,
        )
        self.client.headers |= self.default_headers or {}

    def _tls(self) -> ssl.SSLContext | None:
        """What the class says wins over what loadlab's own target says."""
        says = self.insecure or not self.verify or self.ca is not None
        if not says and (Shared.tls is not None or "https" not in (self.host or "")):
            return Shared.tls
        return tls_context(verify=self.verify and not self.insecure, ca=self.ca)

    def start(self, group: Any) -> Any:
        """As any user, but that its connections are closed whatever ends it: a locustfile's on_stop need not know."""
        greenlet = super().start(group)
        greenlet.link(lambda _: self.client.close(for_good=True))
        return greenlet

    def _fire(self, response: Response, failed: str) -> None:
        Shared.firing = True
        try:
            context = self.context()
            self.environment.events.request.fire(
                request_type=response.request_type,
                name=response.name.partition(" ")[2],
                response_time=1000 * (response.arrived - response.intended),
                response_length=response.size,
                response=response,
                context={**context, **response.context} if response.context else context,
                exception=_exception(response, failed) if failed else None,
                start_time=response.started - OFFSET.now(response.read_at),
                url=response.url,
            )
        finally:
            Shared.firing = False


def _exception(response: Response, failed: str) -> Exception:
    """What listeners get: the user's own, else what happened, else the user's words."""
    if response.judged is not None:
        return response.judged
    error = response.error
    return error if error is not None and failed == reason(response) else CatchResponseError(failed)


_sleep = TaskSet._sleep


def _pause(self: TaskSet, seconds: float) -> None:
    """A WireHttpUser wakes to the microsecond, and its client knows how late that was."""
    client = getattr(self.user, "client", None)
    if isinstance(client, WireClient):
        client.pause(seconds)
    else:
        _sleep(self, seconds)  # type: ignore[no-untyped-call]


TaskSet._sleep = _pause  # type: ignore[method-assign]


@cache
def tls_context(*, verify: bool, ca: str | None) -> ssl.SSLContext:
    """Certificates are checked unless the user said otherwise. One for all users: it reads all authorities."""
    context = ssl.create_default_context(cafile=ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
