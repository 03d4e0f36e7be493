"""Has a server that runs take over its new plan: files written, then a signal, or a few lines over its own socket."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping

from loadlab.errors import ServiceError
from loadlab.services import ProcessPlan, _guard
from loadlab.services._start import Child

PATIENCE_S = 2.0
TEST_WITHIN_S = 10.0
MOST_BYTES = 65_536


def take_over(plan: ProcessPlan, child: Child, env: Mapping[str, str]) -> None:
    """Raises ServiceError where the server does not take it; it then goes on as before."""
    way = plan.take_over
    if way is None:
        raise ServiceError(f"{plan.service} cannot be told of new instances while it runs")
    try:
        for name, text in plan.files.items():
            (plan.folder / name).write_text(text, encoding="utf-8")
        if way.signal:
            _test(plan, env)
            _send(plan, child, way.signal)
        if way.lines:
            _say(plan, way.socket, way.lines)
    except OSError as error:
        raise ServiceError(f"{plan.service} could not be told of its new servers: {error}") from error


def _test(plan: ProcessPlan, env: Mapping[str, str]) -> None:
    """A server that is sent a signal answers nothing: whether it will take the files is asked first."""
    if not plan.test:
        return
    try:
        done = subprocess.run(
            plan.test,
            cwd=plan.cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TEST_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{plan.service}: its new configuration could not be tested: {error}") from error
    if done.returncode != 0:
        said = done.stdout.decode("utf-8", "replace").strip()
        raise ServiceError(f"{plan.service} refuses its new configuration: {said}")


def _send(plan: ProcessPlan, child: Child, number: int) -> None:
    seen = _guard.look(child.pid)
    if seen is None or seen.key != child.key or not _guard.send(seen, number):
        raise ServiceError(f"{plan.service} has ended, and learns nothing more")


def _say(plan: ProcessPlan, name: str, lines: tuple[str, ...]) -> None:
    """One connection; an empty answer to each line is a yes. The folder is opened, for a path may be too long."""
    folder = os.open(plan.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(PATIENCE_S)
            line.connect(f"/proc/self/fd/{folder}/{name}")
            line.sendall(";".join(lines).encode() + b"\n")
            said = b""
            while len(said) < MOST_BYTES and (part := line.recv(4096)):
                said += part
    finally:
        os.close(folder)
    if said.strip():
        raise ServiceError(f"{plan.service} refuses its new servers: {said.decode('utf-8', 'replace').strip()}")
