"""Network namespaces of instances, made by this machine's kernel: who reaches whom, what is seen, what is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import SYSTEM
from loadlab.probes import _sockets, edges, ports, sockets
from loadlab.services import Network, Space, Target, _guard, _spaces
from tests.services.conftest import APPS, Launched, Launcher, alive, family, get, until, web

WORKS, SAYS = _spaces.available()
pytestmark = [pytest.mark.real, pytest.mark.skipif(not WORKS, reason=SAYS)]

OWN = {"network": "own"}


def listener(name: str, *others: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "command": [sys.executable, "apart.py", "{port}", *others]} | more


def where(target: Target) -> str:
    return os.readlink(f"/proc/{target.pid}/ns/net")


def interfaces(*hosts: str) -> list[str]:
    """Those of this machine that lead to these instances."""
    mine = {_spaces.interface(Network(each, "")) for each in hosts}
    return [name for _, name in socket.if_nameindex() if name in mine]


def test_each_instance_is_a_machine_of_its_own_to_the_network(launching: Launcher) -> None:
    home = web("home")
    with launching(home, web(instances=2, limits=OWN, env={"HOME_URL": "{home.url}"})) as run:
        first, *apart = run.running.now()
        spaces = {where(each) for each in (first, *apart)}
        assert len(spaces) == 3 and where(first) == os.readlink("/proc/self/ns/net")
        hosts = [each.host for each in apart]
        assert len(set(hosts)) == 2 and len(interfaces(*hosts)) == 2
        for each in apart:
            said = get(f"http://{each.host}:{each.ports[0]}/")
            assert said["pid"] == each.pid
            assert said["env"]["HOME_URL"] == f"http://{each.space.home if each.space else ''}:{first.ports[0]}"
            assert not _answers("127.0.0.1", each.ports[0])
    assert until(lambda: not interfaces(*hosts), 2) and _spaces._held == {}


def test_edges_are_seen_whose_ends_lie_in_different_namespaces(launching: Launcher) -> None:
    """By a byte that the callee did not read: only who has joined both ends knows of it."""
    with launching(
        listener("home"),
        listener("app", instances=2, limits=OWN),
        listener("out", "{home.addresses}", limits=OWN),
        listener("into", "{app.addresses}"),
        listener("across", "{app.addresses}", limits=OWN),
    ) as run:
        found = _edges(run)
        assert found == {
            ("out", "home/0"): (1.0, 1.0),
            ("into", "app/0"): (1.0, 1.0),
            ("into", "app/1"): (1.0, 1.0),
            ("across", "app/0"): (1.0, 1.0),
            ("across", "app/1"): (1.0, 1.0),
        }
        targets = {(each.service, each.instance): each for each in run.running.now()}
        listening = sockets.open(run.running)
        try:
            seen = {(e.service, e.instance): (e.name, values[3]) for e, values in listening.read(0.0)}
        finally:
            listening.close()
        app = targets["app", 1]
        assert seen["app", 1] == (f"{app.host}:{app.ports[0]}", 2.0) and seen["home", 0][1] == 1.0
        taken = {(e.service, e.instance): values[0] for e, values in ports.open(run.running).read(0.0)}
        # Two callers, each with a port of its own namespace's; and the ready checks, which closed first and linger.
        assert (taken["app", 0] or 0) >= 1 and set(taken) >= {("app", 0), ("app", 1), ("home", 0)}


def _edges(run: Launched) -> dict[tuple[str, str], tuple[float, float]]:
    columns = [each.name for each in edges.METRICS]
    source = edges.open(run.running)
    found = {}
    for entity, values in source.read(0.0):
        if "/" not in entity.name:  # daemons of other runs on this machine
            continue
        row = dict(zip(columns, values, strict=True))
        found[entity.service, entity.name] = (row["connections"] or 0.0, row["unread_bytes"] or 0.0)
    return found


def test_an_instance_that_is_started_again_has_its_address_still(launching: Launcher) -> None:
    with launching(web(limits=OWN, restart="on-exit")) as run:
        (before,) = run.running.now()
        space = where(before)
        os.kill(before.pid, signal.SIGKILL)
        assert until(lambda: [each for each in run.running.now() if each.pid != before.pid])
        assert until(lambda: run.journal.of("restarted") and run.running.instances("app")[0].ready)
        (after,) = run.running.now()
        assert (after.host, where(after)) == (before.host, space)
        assert get(run.running.url("app"))["pid"] == after.pid


@pytest.fixture
def spaces() -> Iterator[list[Space]]:
    """Two of a run, the second with 8 Mbit a second."""
    with ExitStack() as stack:
        prefix = _spaces.draw()
        stack.callback(_spaces.hand_over, _spaces.place(prefix, 0))
        found = []
        for number, bits in enumerate((None, 8_000_000)):
            found.append(_spaces.make("test", _spaces.place(prefix, number), bits))
            stack.callback(os.close, found[-1].descriptor)
        yield found


def _at(space: Space | None, kind: socket.SocketKind) -> socket.socket:
    where = (socket.AF_INET, kind, 0)
    made = socket.socket(*where) if space is None else _spaces.socket_in(space.descriptor, *where)
    made.settimeout(3)
    return made


def test_datagrams_are_translated_too(spaces: list[Space]) -> None:
    """Of one fragment and of several: only the first has a checksum."""
    one, other = spaces
    for server, client, address in ((one, None, one.address), (None, one, one.home), (other, one, other.address)):
        with _at(server, socket.SOCK_DGRAM) as asked, _at(client, socket.SOCK_DGRAM) as asking:
            asked.bind(("127.0.0.1", 0))
            asking.connect((address, asked.getsockname()[1]))
            for size in (3, 5_000):
                asking.send(b"x" * size)
                data, back = asked.recvfrom(9_000)
                assert len(data) == size
                asked.sendto(b"yes", back)
                assert asking.recv(9) == b"yes"


def test_a_bandwidth_is_kept(spaces: list[Space]) -> None:
    """8 Mbit: a megabyte takes a second. Without: milliseconds."""
    took = []
    for space in spaces:
        with _at(space, socket.SOCK_STREAM) as server, _at(None, socket.SOCK_STREAM) as client:
            server.bind(("127.0.0.1", 0))
            server.listen()
            client.connect((space.address, server.getsockname()[1]))
            accepted = server.accept()[0]
            accepted.settimeout(5)
            began, left = SYSTEM.monotonic(), 400_000
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
            client.sendall(b"x" * left)
            while left:
                left -= len(accepted.recv(65_536))
            took.append(SYSTEM.monotonic() - began)
            accepted.close()
    free, limited = took
    assert free < 0.2 and 0.3 < limited < 1.5


def test_what_asks_for_sockets_is_back_where_it_was(spaces: list[Space]) -> None:
    import threading

    seen: list[str] = []

    def look() -> None:
        _at(spaces[0], socket.SOCK_STREAM).close()
        seen.append(os.readlink("/proc/thread-self/ns/net"))

    look()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [os.readlink("/proc/self/ns/net")] * 2


def test_a_killed_loadlab_leaves_no_namespace(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(_guard.__file__).parents[2])}
    argv = [sys.executable, str(APPS / "apart_parent.py"), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=env) as parent:
        assert parent.stdout is not None
        said = json.loads(parent.stdout.readline())
        names = {os.readlink(f"/proc/{each}/ns/net") for each in said["pids"]}
        assert len(names) == 3 and len(interfaces(*said["hosts"])) == 3
        assert len(family(said["mark"])) == 3
        parent.kill()
        parent.wait()
    assert until(lambda: not any(map(alive, said["pids"])) and not alive(said["guardian"]), 3)
    assert until(lambda: not interfaces(*said["hosts"]), 2), socket.if_nameindex()
    assert not any(each in Path("/proc/net/fib_trie").read_text() for each in said["hosts"])
    assert not names & {_namespace(each) for each in _guard.numbers()}


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 0.5).close()
    except OSError:
        return False
    return True


def test_a_namespace_is_asked_once_a_tick(spaces: list[Space]) -> None:
    """What was open at the tick's first look is what all its probes see; the next tick, and who wants it anew, look."""
    one = spaces[0]
    with _at(one, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]

        def listening(t: float, *, anew: bool = False) -> bool:
            return port in [each.port for each in _sockets.standing_in(one, t, 1 << _sockets.LISTEN, anew=anew)]

        assert listening(1.0) and not _sockets.standing_in(one, 1.0, 1 << _sockets.ESTABLISHED)
        server.close()
        assert listening(1.2) and not listening(1.5)
    with _at(one, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        assert not listening(1.6) and listening(1.6, anew=True)
