"""The probes against real programs that do one known thing, and against another reader of the kernel's tables."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import DiagSocket

from loadlab.clock import SYSTEM
from loadlab.probes import Source, _sockets, edges, file_locks, ports, sends, sockets, threads, waits
from loadlab.services import Target
from tests.probes import children
from tests.probes.children import Children

pytestmark = pytest.mark.real
LOOK_S = 2.0


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    """One of each kind."""
    made = Children()
    lock, books = (str(tmp_path_factory.mktemp("locks") / name) for name in ("number", "books.db"))
    try:
        made.start("idle", children.IDLE_LOOP)
        made.start("busy", children.BUSY)
        made.start("asleep", children.ASLEEP, serves=True)
        port = made.start("accepts", children.ACCEPTS, serves=True)
        made.start("asks", children.ASKS, str(port))
        made.start("holds", children.HOLDS, lock)
        made.start("in line", children.IN_LINE, lock)
        made.start("writes", children.WRITES, books)
        made.start("would write", children.WOULD_WRITE, books)
        yield made
    finally:
        made.close()


def rows(source: Source, t: float, columns: tuple[str, ...]) -> list[tuple[str, str, dict[str, float]]]:
    """(service, entity's name, values by column), without what the source could not tell."""
    return [
        (entity.service, entity.name, {c: v for c, v in zip(columns, values, strict=True) if v is not None})
        for entity, values in source.read(t)
    ]


@pytest.fixture(scope="module")
def seen(programs: Children) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Shares of each program's samples by state, and its waits by peer, after one look of LOOK_S seconds."""
    states, peers = threads.open(programs), waits.open(programs)
    try:
        rows(states, 0.0, tuple(each.name for each in threads.METRICS))
        SYSTEM.sleep(LOOK_S)
        counted = rows(states, LOOK_S, tuple(each.name for each in threads.METRICS))
        waited = rows(peers, LOOK_S, ("samples",))
    finally:
        states.close()
        peers.close()
    shares: dict[str, dict[str, float]] = {}
    for service, _, values in counted:
        assert values["samples"] >= 20
        shares[service] = {name: value / values["samples"] for name, value in values.items()}
    found: dict[str, dict[str, float]] = {}
    for service, peer, values in waited:
        found.setdefault(service, {})[peer] = values["samples"]
    return shares, found


Seen = tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]


@pytest.mark.parametrize(
    ("program", "state", "least"),
    [
        ("idle", "idle_epoll", 0.95),
        ("busy", "running", 0.90),
        ("asleep", "sleep", 0.90),
        ("accepts", "idle_accept", 0.95),
        ("asks", "socket_wait", 0.95),
        ("in line", "lock_file", 0.95),
        ("would write", "sleep", 0.90),
    ],
)
def test_a_thread_is_seen_doing_what_it_does(seen: Seen, program: str, state: str, least: float) -> None:
    assert seen[0][program][state] >= least, seen[0][program]


def test_who_is_waited_for_is_named(seen: Seen) -> None:
    assert max(seen[1]["asks"], key=lambda peer: seen[1]["asks"][peer]) == "accepts/0"
    assert not any(peer.startswith("accepts") for peer in seen[1].get("busy", {}))
    assert [Path(peer).name for peer in seen[1]["in line"]] == ["number"]


def test_a_nap_of_sqlite_is_no_sleep_of_pythons(seen: Seen) -> None:
    assert set(seen[1]["would write"]) == {"a nap"}
    assert "writes" not in seen[1]


def test_who_holds_a_file_and_who_waits_for_it(programs: Children) -> None:
    source = file_locks.open(programs)
    try:
        SYSTEM.sleep(0.5)
        found = rows(source, 0.5, tuple(each.name for each in file_locks.METRICS))
    finally:
        source.close()
    by_name = {service: (Path(path).name, values) for service, path, values in found}
    assert by_name.keys() == {"holds", "in line", "writes"}
    for name, file, column, other in (
        ("holds", "number", "held", "waited"),
        ("in line", "number", "waited", "held"),
        ("writes", "books.db", "held", "waited"),
    ):
        path, values = by_name[name]
        assert path == file
        assert values["looks"] == values[column] >= 5 and values[other] == 0
        assert values["sqlite"] == (file == "books.db")


def test_connections_nobody_accepts_are_counted(programs: Children) -> None:
    probe = sockets.open(programs)
    columns = tuple(each.name for each in sockets.METRICS)
    waiting = [socket.create_connection(("127.0.0.1", programs.ports["asleep"])) for _ in range(3)]
    try:
        found = {service: values for service, _, values in rows(probe, 1.0, columns)}
    finally:
        probe.close()
        for each in waiting:
            each.close()
    assert (found["asleep"]["accept_queue"], found["asleep"]["backlog"]) == (3, 7)
    assert found["asleep"]["accept_queue_max"] == 3
    assert found["accepts"]["accept_queue"] == 0


def test_a_queue_that_drained_between_two_rows_is_still_seen(programs: Children) -> None:
    probe = sockets.open(programs)
    columns = tuple(each.name for each in sockets.METRICS)
    try:
        with socket.create_server(("127.0.0.1", 0), backlog=5) as server:
            programs.targets.append(Target("drains", 0, 0, ports=(server.getsockname()[1],)))
            clients = [socket.create_connection(server.getsockname()) for _ in range(2)]
            SYSTEM.sleep(3 * sockets.LOOK_S)
            accepted = [server.accept()[0] for _ in clients]
            found = {service: values for service, _, values in rows(probe, 1.0, columns)}
            for each in (*clients, *accepted):
                each.close()
    finally:
        programs.targets[:] = [each for each in programs.targets if each.service != "drains"]
        probe.close()
    assert (found["drains"]["accept_queue"], found["drains"]["accept_queue_max"]) == (0, 2)


def test_a_request_under_way_is_an_edge(programs: Children) -> None:
    probe = edges.open(programs)
    try:
        SYSTEM.sleep(2 * edges.INTERVAL_S)
        found = {(service, to): v for service, to, v in rows(probe, 0.0, tuple(m.name for m in edges.METRICS))}
    finally:
        probe.close()
    edge = found[("asks", "accepts/0")]
    assert (edge["connections"], edge["outstanding"], edge["unread_bytes"]) == (1, 1, 1)


def test_what_is_accepted_on_a_further_port_is_no_call(programs: Children) -> None:
    me = Target("me", 0, os.getpid())
    programs.targets.append(me)
    probe = edges.open(programs)
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as client,
            server.accept()[0],
        ):
            found = {to for service, to, _ in rows(probe, 0.0, tuple(m.name for m in edges.METRICS)) if service == "me"}
            asked, asks = server.getsockname()[1], client.getsockname()[1]
    finally:
        programs.targets.remove(me)
        probe.close()
    assert f"127.0.0.1:{asked}" in found and f"127.0.0.1:{asks}" not in found


@pytest.mark.parametrize("reads", [True, False], ids=["a reader that reads", "a reader that does not"])
def test_an_answer_that_is_not_read_is_held_by_its_reader(*, reads: bool) -> None:
    made = Children()
    probe = sends.open(made)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as accepted,
    ):
        made.targets.append(Target("writes", 0, 0, ports=(server.getsockname()[1],)))
        accepted.setblocking(False)
        sent = accepted.send(b"x" * 8_000_000)
        while reads and sent:
            sent -= len(client.recv(1 << 20))
        SYSTEM.sleep(0.3)
        ((_, _, found),) = rows(probe, 0.0, tuple(each.name for each in sends.METRICS))
    assert found["sending"] == (0 if reads else 1)
    assert (found["reader_limited_s"] > 0.2) == (not reads)
    assert found["reader_limited_s"] <= found["busy_s"] <= 1.0
    assert found["sent_bytes"] > 10_000


def unheard_of(made: Children) -> socket.socket:
    """A server at a port that is the far end of nothing: a connection that another server closed lingers with its
    caller's port as the far end, and the kernel may give that port to this server."""
    for t in range(50):
        server = socket.create_server(("127.0.0.1", 0))
        made.targets[:] = [Target("called", 0, 0, ports=(server.getsockname()[1],))]
        if not list(ports.open(made).read(float(t))):
            return server
        server.close()
    raise AssertionError("every port is the far end of something")


def test_ports_of_closed_connections_are_still_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "SAMPLE", 10**6)  # other tests leave thousands: of a sample, counts are estimates
    made, columns = Children(), tuple(each.name for each in ports.METRICS)
    with unheard_of(made) as server:
        for _ in range(5):
            with socket.create_connection(server.getsockname()) as client:
                accepted = server.accept()[0]
                client.close()  # first, so that the port lingers on this side
                accepted.close()
        with socket.create_connection(server.getsockname()):
            ((_, _, found),) = rows(ports.open(made), 99.0, columns)
    assert (found["taken"], found["lingering"]) == (6, 5)
    assert 5 <= found["highest"] - found["lowest"] <= found["given"]


def as_pyroute2_reads(family: socket.AddressFamily, ports: set[int]) -> set[tuple[Any, ...]]:
    names = ("state", "src", "sport", "dport", "rqueue", "wqueue", "inode")
    states = 1 << _sockets.LISTEN | 1 << _sockets.ESTABLISHED
    with DiagSocket() as link:
        link.bind()
        found = list(link.get_sock_stats(family=family, states=states))
    return {tuple(each[f"idiag_{name}"] for name in names) for each in found if each["idiag_sport"] in ports}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_sockets_are_read_as_pyroute2_reads_them(programs: Children, family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with (
        socket.create_server((host, 0), family=family, backlog=3) as server,
        socket.create_connection((host, server.getsockname()[1])) as client,
    ):
        ports = {server.getsockname()[1], *programs.ports.values()}
        client.sendall(b"12345")
        # In a thread of its own: pyroute2 runs an event loop, and another test's may be running in this one.
        with ThreadPoolExecutor(1) as pool:
            theirs = pool.submit(as_pyroute2_reads, family, ports).result(30)
        states = 1 << _sockets.LISTEN | 1 << _sockets.ESTABLISHED
        ours = {
            (each.state, each.local, each.port, each.peer_port, each.receive_queue, each.send_queue, each.inode)
            for each in _sockets.dump(states)
            if each.port in ports and (":" in each.local) == (family == socket.AF_INET6)
        }
    assert any(each[4] == 5 for each in ours)
    assert ours == theirs
