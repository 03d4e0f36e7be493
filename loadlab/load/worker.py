"""`loadlab worker`: lends this host's cores to the load of a run on another host.

It connects to the master, gets what a child process would get, starts that child here, and passes on what both say. The
child ends with its input, so it ends when the master does, or the way there; a master that says nothing for ten seconds
is taken to be gone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from loadlab import __version__
from loadlab.clock import SYSTEM, Clock
from loadlab.errors import LoadError
from loadlab.load._config import LoadConfig
from loadlab.load._driver import spawn
from loadlab.load._remote import ANSWERS_WITHIN_S, Link, RefusedError, address, digest_of

SILENT_S = 10.0
"""The master tells every worker once a second to end its interval."""
TRY_AGAIN_S = 0.5
END_S = 5.0
CHUNK = 1 << 16

Note = Callable[[str], None]


def serve(
    master: str, name: str, locustfile: Path | None, note: Note, *, wait_s: float | None = None, clock: Clock = SYSTEM
) -> None:
    """One run: waits for a master (`wait_s` seconds, or for ever), joins it, and returns when it is over. Raises
    LoadError where the master does not want this worker, or nobody is there in time."""
    link = _connected(*address(master), wait_s, clock)
    try:
        mine = _introduced(link, name, locustfile)
        config, t0 = _told(link, mine, clock)
        note(f"{name}: load for {config.host}")
        _work(link, config, t0)
        note(f"{name}: the run is over")
    finally:
        link.close()


def _connected(host: str, port: int, wait_s: float | None, clock: Clock) -> Link:
    until = None if wait_s is None else clock.monotonic() + wait_s
    while True:
        try:
            return Link(socket.create_connection((host, port), ANSWERS_WITHIN_S))
        except OSError as error:
            if until is not None and clock.monotonic() >= until:
                raise LoadError(
                    f"no run waits for workers at {host}:{port} ({error.strerror or error}); "
                    f"there: loadlab run --workers N --bind {host}"
                ) from error
            clock.sleep(TRY_AGAIN_S)


def _introduced(link: Link, name: str, locustfile: Path | None) -> Path | None:
    """This host's copy of the locustfile, which is the master's; None where there is none."""
    try:
        link.say(loadlab=__version__, name=name)
        heard = link.hear()
        if "refused" in heard:
            raise LoadError(f"the master does not take this worker: {heard['refused']}")
        _same(locustfile, heard["digest"])
        link.say(joined=True)
    except RefusedError as error:
        with suppress(OSError):
            link.say(refused=str(error))
        raise LoadError(str(error)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"the master broke off while this worker joined: {error}") from error
    return locustfile if heard["digest"] is not None else None


def _same(locustfile: Path | None, digest: str | None) -> None:
    if digest is None:
        return
    if locustfile is None:
        raise RefusedError(
            "the run has a locustfile: copy it to the worker's host and name it there: --locustfile FILE"
        )
    if digest_of(str(locustfile)) != digest:
        raise RefusedError(f"{locustfile} is not the master's locustfile: copy that one; it is never sent")


def _told(link: Link, locustfile: Path | None, clock: Clock) -> tuple[LoadConfig, float]:
    """What to do, and the run's beginning on this clock. Others may join first: that takes as long as it takes."""
    link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    link.socket.settimeout(None)
    try:
        while "clock" in (heard := link.hear()):
            link.say(clock=clock.monotonic())
        told = heard["config"]
        t0 = float(told.pop("t0"))
        told["locustfile"] = None if locustfile is None else str(locustfile.resolve())
        config = LoadConfig(**told, env=dict(os.environ))
        link.say(begins=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"the master broke off before the load began: {error}") from error
    return config, t0


def _work(link: Link, config: LoadConfig, t0: float) -> None:
    """Until the run is over: the master's words into the child, the child's frames to the master."""
    child = spawn(config, t0, inherit_log=True)
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:  # both are asked for in spawn
        raise LoadError("the load generator has no pipe")
    link.socket.settimeout(SILENT_S)

    def listen() -> None:
        with suppress(OSError, ValueError):
            while line := link.file.readline():
                stdin.write(line)
                stdin.flush()
        with suppress(OSError, ValueError):
            stdin.close()  # the child ends with its input

    ear = threading.Thread(target=listen, name="worker-ear", daemon=True)
    ear.start()
    try:
        with suppress(OSError):
            while data := os.read(stdout.fileno(), CHUNK):
                link.socket.sendall(data)
    finally:
        with suppress(OSError, ValueError):
            stdin.close()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        stdout.close()
    if child.returncode not in (0, None):
        raise LoadError(f"the load generator could not go on (exit code {child.returncode}); what it said stands above")
