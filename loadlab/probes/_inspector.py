"""V8's inspector in a running Node process: opened from outside, spoken to, and closed again.

SIGUSR1 makes Node open it on 127.0.0.1, at port 9229 unless the process was told otherwise; so one process at a time.
Only processes that loadlab started are sent the signal: an open inspector lets everybody on this machine run code in
the process. Where the user opened it, with --inspect, it is used as it is, and left open.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from loadlab.clock import Clock
from loadlab.probes import _sockets
from loadlab.probes._proc_text import catches, count, soft_limit
from loadlab.probes._stack_run import wait_until
from loadlab.probes._tree import Member, read
from loadlab.services import _find, _guard

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

OPENS_WITHIN_S = 2.0
"""On an idle machine it takes 15 ms. A loop that stands in a call for longer opens it when the call returns."""
ASK_AGAIN_S = 0.03
ANSWERS_WITHIN_S = 10.0
"""A profile of a few seconds is put together in a tenth of one; the loop may have to finish a request first."""
PORT = 9229
"""Node's own choice where nobody says otherwise."""
LOOKS, BETWEEN_LOOKS_S = 6, 0.05
FILES_FREE = 32
"""Descriptors that must be free beside what the process's own use goes up and down by: the inspector's thread takes
seven, and Node ends the whole process (assertion in InspectorIo::ThreadMain) where it gets none."""
INSPECTS = re.compile(rb"--inspect(?:-brk|-wait)?(?:[=\s\0]|$)")
CLOSE = (
    "setImmediate(() => process._debugEnd ? process._debugEnd() : process.getBuiltinModule('node:inspector').close())"
)
"""In a turn of its own: closing waits for every session to end, this one included."""


class Unreadable(Exception):
    """This process gives no profile; says why, with a way out where there is one."""


class Session:
    """A conversation in the Chrome DevTools Protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a call; events meanwhile are passed over. Raises Unreadable where the call is refused."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(timeout=ANSWERS_WITHIN_S))
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise Unreadable(f"its inspector refuses {method}: {answer['error'].get('message', '')}")
        result: dict[str, Any] = answer.get("result", {})
        return result

    def end(self) -> None:
        """Have the process close its inspector, and wait until it has."""
        from websockets.exceptions import ConnectionClosed

        self.ask("Runtime.evaluate", expression=CLOSE, silent=True)
        try:
            while True:
                self._connection.recv(timeout=ANSWERS_WITHIN_S)
        except ConnectionClosed:
            return


@contextmanager
def session(member: Member, clock: Clock, stop: threading.Event) -> Iterator[Session]:
    """A session with a process; afterwards its inspector is as it was before. Raises Unreadable."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    ours = False
    try:
        before = _ports(member)
        url = _opened_by_user(member, before)
        ours = not url
        url = url or _open(member, before, clock, stop)
        # The machine's proxies are not for a process of this machine.
        with connect(url, max_size=None, compression=None, proxy=None, open_timeout=ANSWERS_WITHIN_S) as connection:
            held = Session(connection)
            try:
                yield held
            finally:
                if ours:
                    held.end()
    except (OSError, WebSocketException, ValueError) as error:
        raise Unreadable(f"its inspector could not be spoken to: {type(error).__name__}: {error}") from error
    finally:
        if ours:
            wait_until(lambda: _ports(member) <= before, OPENS_WITHIN_S, ASK_AGAIN_S, clock, stop)


def _has_files(pid: int, stop: threading.Event) -> bool:
    limit = soft_limit(read(f"/proc/{pid}/limits"))
    seen = []
    for _ in range(LOOKS):
        seen.append(count(f"/proc/{pid}/fd"))
        stop.wait(BETWEEN_LOOKS_S)
    known = [each for each in seen if each is not None]
    return limit is not None and bool(known) and limit - max(known) >= FILES_FREE + max(known) - min(known)


def _opened_by_user(member: Member, ports: set[int]) -> str:
    """The address of an inspector that was there before us; asked for only where the process was started with one."""
    folder = f"/proc/{member.pid}"
    options = [each for each in read(f"{folder}/environ").split(b"\0") if each.startswith(b"NODE_OPTIONS=")]
    if not any(INSPECTS.search(each) for each in (read(f"{folder}/cmdline"), *options)):
        return ""
    return next((url for port in sorted(ports - set(member.target.ports)) if (url := _address(member, port))), "")


def _open(member: Member, before: set[int], clock: Clock, stop: threading.Event) -> str:
    if member.target.attached:
        raise Unreadable(
            "it was attached, and no debug port is opened in a process that loadlab did not start: "
            "let loadlab start it (--command), or start it with `node --inspect`"
        )
    process = _guard.look(member.pid)
    if process is None or process.start != member.started_ticks:
        raise Unreadable("it ended")
    if not catches(read(f"/proc/{member.pid}/status"), signal.SIGUSR1):
        raise Unreadable("it does not open its inspector on SIGUSR1 (--disable-sigusr1?): start it with --inspect")
    if not _has_files(member.pid, stop):
        raise Unreadable("it is near its limit of open files, and would end if its inspector got none: raise the limit")
    _guard.send(process, signal.SIGUSR1)
    urls: list[str] = []

    def opened() -> bool:
        urls.extend(filter(None, (_address(member, each) for each in sorted(_ports(member) - before))))
        return bool(urls)

    if not wait_until(opened, OPENS_WITHIN_S, ASK_AGAIN_S, clock, stop):
        who = _find.occupant(PORT)
        raise Unreadable(
            f"its inspector did not open within {OPENS_WITHIN_S:g} s"
            + (f"; port {PORT} is taken by {who}" if who else "")
        )
    return urls[0]


def _address(member: Member, port: int) -> str:
    """Where the inspector at this port is spoken to; "" where there is none."""
    connection = http.client.HTTPConnection(member.target.host, port, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request("GET", "/json/list")
        targets = json.loads(connection.getresponse().read())
        # It calls itself by what it was asked as, or by where it listens, which is another machine's in a namespace.
        parts = urlsplit(str(targets[0]["webSocketDebuggerUrl"]))
        return parts._replace(netloc=f"{member.target.host}:{port}").geturl() if parts.path else ""
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return ""
    finally:
        connection.close()


def _ports(member: Member) -> set[int]:
    """What it listens on. Asked of netlink: a read of /proc/net/tcp may pass over a socket while others come and go."""
    mine = set(_find.sockets(member.pid))
    listening = _sockets.dump(1 << _sockets.LISTEN, space=member.target.space)
    return {each.port for each in listening if each.inode in mine}
