"""Whether an instance is ready: by an http answer, an open port, a line of its log, or by being alive for a while.

A check is a function that returns None once the instance is ready, else what it last saw, for the error.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from loadlab.clock import Clock
from loadlab.services import ProcessPlan
from loadlab.services._instance import Instance, Journal

Check = Callable[[], str | None]

ALIVE_S = 0.5
"""Where nothing can be asked. A program that cannot start ends within tens of milliseconds, an interpreter in 0.3 s."""
PATIENCE_S = 2.0
"""For one answer: a first request may load half of an application."""
LOG_BYTES = 4_000_000
"""A log that is longer before the service is ready is read from there on only."""


def check(plan: ProcessPlan, log: Path, log_from: int, clock: Clock) -> Check:
    """The check that a plan asks for. `log_from`: where in its log this start begins."""
    ready = plan.ready
    if ready.log is not None:
        return _by_log(re.compile(ready.log, re.MULTILINE), log, log_from)
    if not plan.ports or (ready.http is None and not ready.tcp):
        return _by_life(clock)
    if ready.http is not None:
        return _by_http(plan, ready.http)
    return _by_tcp(plan.host, plan.ports[0])


def _by_tcp(host: str, port: int) -> Check:
    def ask() -> str | None:
        try:
            socket.create_connection((host, port), PATIENCE_S).close()
        except OSError as error:
            return f"nobody accepts connections on {host}:{port} ({_short(error)})"
        return None

    return ask


def _by_http(plan: ProcessPlan, path: str) -> Check:
    """2xx and 3xx are ready: a redirect to a login page is an answer of the application's own."""
    url = f"{plan.scheme}://{plan.host}:{plan.ports[0]}{path}"

    def ask() -> str | None:
        connection = _connection(plan)
        try:
            connection.request("GET", path, headers={"User-Agent": "loadlab", "Connection": "close"})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            return f"GET {url}: {_short(error)}"
        finally:
            connection.close()
        if 200 <= answer.status < 400:
            return None
        return f"GET {url} answered {answer.status} {answer.reason}".rstrip()

    return ask


def _connection(plan: ProcessPlan) -> http.client.HTTPConnection:
    if plan.scheme != "https":
        return http.client.HTTPConnection(plan.host, plan.ports[0], timeout=PATIENCE_S)
    context = ssl.create_default_context(cafile=str(plan.ca) if plan.ca else None)
    if not plan.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(plan.host, plan.ports[0], timeout=PATIENCE_S, context=context)


def _by_log(pattern: re.Pattern[str], log: Path, log_from: int) -> Check:
    def ask() -> str | None:
        try:
            with log.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(log_from, size - LOG_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError as error:
            return f"its log cannot be read: {_short(error)}"
        return None if pattern.search(text) else f"no line of its output matched {pattern.pattern!r}"

    return ask


def _by_life(clock: Clock) -> Check:
    since = clock.monotonic()

    def ask() -> str | None:
        lived = clock.monotonic() - since
        return None if lived >= ALIVE_S else f"alive for {lived:.1f} s of {ALIVE_S:g} s"

    return ask


def _short(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__


class Waiting:
    """Instances that were started and are not ready yet."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._checks: list[tuple[Instance, Check]] = []

    @property
    def services(self) -> set[str]:
        """Of those instances."""
        return {each.plan.service for each, _ in self._checks}

    def add(self, instance: Instance) -> None:
        """Its child runs."""
        log_from = instance.child.log_from if instance.child is not None else 0
        self._checks.append((instance, check(instance.plan, instance.log, log_from, self._clock)))

    def ask(self) -> Iterator[tuple[Instance, str]]:
        """Each one, and why it is not ready: "" where it just became so, which is then written down."""
        for each in list(self._checks):
            instance, ask = each
            answer = ask()
            if answer is None and instance.child is not None and not instance.lost:
                instance.ready = True
                self._journal.event("ready", instance.plan.service, instance.plan.instance, instance.child.pid)
                self._checks.remove(each)
            yield instance, "" if answer is None else answer or "no answer"
