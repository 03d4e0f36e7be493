"""Ports: drawn where nobody listens and nothing else draws, and held until the service that gets one starts."""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

from loadlab.errors import ServiceError

LOWEST, HIGHEST = 10_000, 65_535
"""Below 10000 people put their own servers."""
EPHEMERAL = (32_768, 60_999)
"""Linux's default, where /proc cannot be read."""
TRIES = 500
LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

CHANCE = random.SystemRandom().randrange

_held: dict[int, list[int]] = {}
"""Descriptors of bound sockets that do not listen: nobody, another loadlab included, can be given these ports."""


def ephemeral(text: str) -> tuple[int, int]:
    """The range from which the kernel gives ports to outgoing connections, of ip_local_port_range's text."""
    parts = text.split()
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 else EPHEMERAL


def allowed(reserved: tuple[int, int]) -> tuple[range, ...]:
    """Where to draw: outside of the ephemeral range, for a client of the run may hold any port of it; inside only
    where it covers everything."""
    low, high = reserved
    outside = (range(LOWEST, min(low, HIGHEST + 1)), range(max(high + 1, LOWEST), HIGHEST + 1))
    usable = tuple(each for each in outside if len(each) >= TRIES)
    return usable or (range(LOWEST, HIGHEST + 1),)


def draw(
    proc: Path = Path("/proc"),
    chance: Callable[[int], int] = CHANCE,
    hold: Callable[[int], bool] | None = None,
) -> int:
    """A free port of loopback, held until `hand_over`. Raises ServiceError where there is none."""
    try:
        text = (proc / "sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    except OSError:
        text = ""
    ranges = allowed(ephemeral(text))
    for _ in range(TRIES):
        position = chance(sum(map(len, ranges)))
        for each in ranges:
            if position < len(each):
                break
            position -= len(each)
        port = each[position]
        if (hold or hold_port)(port):
            return port
    raise ServiceError(
        f"no free port was found in {TRIES} tries; close some servers, or give the services a fixed port"
    )


def hold_port(port: int) -> bool:
    """Bind it on loopback, IPv4 and, where the machine has it, IPv6. False where somebody is there."""
    if port in _held:
        return False
    descriptors: list[int] = []
    for family, host in LOOPBACKS:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as bound:
                bound.bind((host, port))
                descriptors.append(bound.detach())
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                _close(descriptors)
                return False
    _held[port] = descriptors
    return True


def hand_over(port: int) -> None:
    """Give it free: who it was drawn for starts now. Nothing happens for a port that is not held."""
    _close(_held.pop(port, []))


def answered(port: int, host: str = "127.0.0.1", patience_s: float = 1.0) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((host, port), patience_s).close()
    except OSError:
        return False
    return True


def _close(descriptors: list[int]) -> None:
    for each in descriptors:
        os.close(each)
