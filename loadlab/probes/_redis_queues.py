"""Streams and lists of a Redis or Valkey that is used as a queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from loadlab.probes import Row
from loadlab.probes._talk import Line, command, replies
from loadlab.recording.model import Entity
from loadlab.services import Target, Targets

PAGE = 200
"""Keys looked at in a tick: finding a queue in a server with a million other keys takes its time, and costs nothing."""
MOST = 50
"""Queues watched."""

CONSUMES = frozenset(
    {"blpop", "brpop", "lpop", "rpop", "blmpop", "lmpop", "blmove", "lmove", "brpoplpush", "rpoplpush"}
    | {"xread", "xreadgroup"}
)
"""Commands by which messages are taken from a list or a stream. A server that was ever sent one is used as a queue,
whatever it is called (Celery, RQ, Sidekiq, BullMQ)."""

Found = dict[bytes, str]

_taken_from: WeakKeyDictionary[Targets, set[tuple[str, int, int]]] = WeakKeyDictionary()
"""(service, instance, pid) of the servers somebody takes messages from. `redis_commands` asks for their counters, and
notes it here: the same is not asked twice."""


def note(targets: Targets, target: Target, used: Iterable[str]) -> None:
    """Commands this server was sent at least once, in small letters."""
    if not CONSUMES.isdisjoint(used):
        _taken_from.setdefault(targets, set()).add((target.service, target.instance, target.pid))


class Server:
    """What is known of one server that is used as a queue: its queues so far, and where the search for more goes on."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._host, self._port = host, port
        self._asked: list[bytes] = []
        self._line: Line[list[Any]] | None = None
        self._cursor = {"stream": b"0", "list": b"0"}
        self.queues: Found = {}

    def read(self) -> list[tuple[bytes, tuple[float | None, ...]]]:
        """The values of the queues known; [] where the answer is late."""
        if self._line is None:
            self._asked = list(self.queues)
            self._line = Line(self._port, replies(2 + 2 * len(self._asked)), self._host)
        try:
            answer = self._line.ask(self._question())
        except OSError:
            self.close()
            raise
        if answer is None:
            return []
        self._learn(answer[:2])
        asked, rows = self._asked, answer[2:]
        if list(self.queues) != asked:
            self.close()  # another question from now on, so another number of replies
        return [
            (key, values(self.queues.get(key, "list"), rows[2 * at], rows[2 * at + 1])) for at, key in enumerate(asked)
        ]

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def _question(self) -> bytes:
        kinds = [command("SCAN", at, "COUNT", str(PAGE), "TYPE", kind) for kind, at in self._cursor.items()]
        return b"".join(kinds) + b"".join(_about(key, self.queues[key]) for key in self._asked)

    def _learn(self, pages: list[Any]) -> None:
        for kind, page in zip(self._cursor, pages, strict=True):
            if isinstance(page, list) and len(page) == 2:
                self._cursor[kind] = page[0]
                self.queues.update({key: kind for key in page[1] if len(self.queues) < MOST})


class Streams:
    """The open source: one server for each target that is a queue."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._servers: dict[tuple[str, int], tuple[int, Server]] = {}

    def read(self, _t: float) -> Iterable[Row]:
        """A row for each stream and each list."""
        return [
            (Entity("queue", target.service, target.instance, name=key.decode("utf-8", "replace")), figures)
            for target in self._targets.now()
            if "redis" in target.status and self._is_queue(target)
            for key, figures in self._server(target).read()
        ]

    def close(self) -> None:
        """Hang up everywhere."""
        for _, server in self._servers.values():
            server.close()

    def _is_queue(self, target: Target) -> bool:
        known = (target.service, target.instance, target.pid) in _taken_from.get(self._targets, set())
        return known or target.role == "queue"

    def _server(self, target: Target) -> Server:
        which = (target.service, target.instance)
        if which not in self._servers or self._servers[which][0] != target.pid:
            if which in self._servers:
                self._servers[which][1].close()
            self._servers[which] = (target.pid, Server(int(target.status["redis"]), target.host))
        return self._servers[which][1]


def _about(key: bytes, kind: str) -> bytes:
    if kind == "stream":
        return command("XINFO", "STREAM", key) + command("XINFO", "GROUPS", key)
    return command("LLEN", key) + command("EXISTS", key)


def values(kind: str, first: Any, second: Any) -> tuple[float | None, ...]:
    """(waiting, taken, consumers, arrived). A stream's entries stay after they were read: what waits is the lag of its
    groups, unknown (NULL) after entries were deleted in between; of a stream without a group nothing waits."""
    if kind == "list":
        return (float(first) if isinstance(first, int) else 0.0, None, None, None)
    stream, groups = _pairs(first), [_pairs(each) for each in second] if isinstance(second, list) else []
    added = stream.get(b"entries-added")
    lags: list[Any] = [each.get(b"lag") for each in groups]
    return (
        None if None in lags else float(sum(lags)),
        float(sum(each.get(b"pending", 0) for each in groups)),
        float(sum(each.get(b"consumers", 0) for each in groups)),
        float(added) if isinstance(added, int) else None,
    )


def _pairs(reply: Any) -> Mapping[bytes, Any]:
    """[name, value, name, value] as a mapping."""
    return dict(zip(reply[::2], reply[1::2], strict=False)) if isinstance(reply, list) else {}
