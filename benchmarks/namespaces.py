"""What the way into a network namespace costs: questions and answers over a kept connection, with the server in this
machine's namespace and in one of its own, in turns of a quarter of a second.

    python benchmarks/namespaces.py [--turns 40]

As root. Prints, for answers of three sizes, microseconds and CPU of all that runs, for each way, and how many more.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from loadlab.services import Space, _spaces

QUESTION = 200
ANSWERS = (100, 6_000, 60_000)
"""Bytes: a health check, a page of the shop, a picture."""
TURN_S = 0.25
WAYS = ("shared", "own")


def serve(listening: socket.socket) -> None:
    """Answers each question with as many bytes as it says; ends with its one visitor."""
    connection, _ = listening.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    page = b"x" * max(ANSWERS)
    while question := connection.recv(QUESTION, socket.MSG_WAITALL):
        connection.sendall(page[: int(question[:8])])


@contextmanager
def server(space: Space | None) -> Iterator[socket.socket]:
    """A connection to a server in a process of its own."""
    kind = (socket.AF_INET, socket.SOCK_STREAM, 0)
    listening = socket.socket(*kind) if space is None else _spaces.socket_in(space.descriptor, *kind)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    pid = os.fork()
    if pid == 0:
        serve(listening)
        os._exit(0)
    host = "127.0.0.1" if space is None else space.address
    connection = socket.create_connection((host, listening.getsockname()[1]))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.close()
    try:
        yield connection
    finally:
        connection.close()
        os.waitpid(pid, 0)


def busy_s() -> float:
    """CPU time of the whole machine: the kernel's own work on packets is in nobody's account."""
    with open("/proc/stat", encoding="ascii") as stat:  # noqa: PTH123 - read twice a turn
        user, nice, system, _idle, _wait, irq, soft = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def turn(connection: socket.socket, size: int) -> tuple[float, float]:
    """Seconds, and CPU seconds, of one question."""
    question = f"{size:08}".encode().ljust(QUESTION)
    began, before, count = time.monotonic(), busy_s(), 0
    while time.monotonic() - began < TURN_S:
        connection.sendall(question)
        connection.recv(size, socket.MSG_WAITALL)
        count += 1
    return (time.monotonic() - began) / count, (busy_s() - before) / count


def main() -> None:
    """One line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=40, help="of each way, for each size")
    turns = parser.parse_args().turns
    place = _spaces.place(_spaces.draw(), 0)
    space = _spaces.make("benchmark", place)
    try:
        with server(None) as shared, server(space) as own:
            print(f"{'answer':>8} {'way':>8} {'us':>8} {'CPU us':>8}")
            for size in ANSWERS:
                found = [[turn(each, size) for each in (shared, own)] for _ in range(turns)]
                for at, way in enumerate(WAYS):
                    took, cost = (1e6 * statistics.median(each[at][what] for each in found) for what in (0, 1))
                    print(f"{size:8} {way:>8} {took:8.1f} {cost:8.1f}")
                more = statistics.median(1e6 * (each[1][0] - each[0][0]) for each in found)
                print(f"{size:8} {'more':>8} {more:8.1f}")
    finally:
        os.close(space.descriptor)
        _spaces.hand_over(place)


if __name__ == "__main__":
    main()
