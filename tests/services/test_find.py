from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.errors import ServiceError
from loadlab.services import _find, _guard
from tests.services.conftest import APPS, until

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17 1 0 100 0 0 10 0
   2: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 99 1 0 20 4 0 10 -1
"""
TCP6 = """  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 1000 0 55 1 0 100 0 0
"""
STAT = "{pid} (a (b) c) S {parent} {pid} {session} " + "0 " * 15 + "{start} 0 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """init, a master 10 with its worker 11 on port 8000, and 12, a stranger that holds nothing."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(TCP)
    (tmp_path / "net/tcp6").write_text(TCP6)
    for pid, parent, inodes in ((1, 0, ()), (10, 1, (4242,)), (11, 10, (4242, 99)), (12, 10, ())):
        folder = tmp_path / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "stat").write_text(STAT.format(pid=pid, parent=parent, session=pid, start=100 + pid))
        (folder / "cmdline").write_bytes(b"python\0-m\0http.server\0")
        for number, inode in enumerate(inodes):
            (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
    return tmp_path


def test_listening_sockets_are_parsed() -> None:
    assert _find.parse(TCP) == [_find.Listener("127.0.0.1", 8000, 1000, 4242), _find.Listener("0.0.0.0", 22, 0, 17)]
    assert _find.parse(TCP6) == [_find.Listener("::1", 8080, 1000, 55)]
    assert _find.parse("") == []


def test_the_root_of_those_that_share_a_listener_is_found(proc: Path) -> None:
    assert set(_find.holders([4242], proc)) == {10, 11}
    assert _find.by_port(8000, proc).pids == (10,)
    assert _find.occupant(8000, proc) == "pid 10, python -m http.server"


def test_nobody_listens(proc: Path) -> None:
    with pytest.raises(ServiceError, match=r"nobody listens on port 8001; ports with a listener: 22, 8000, 8080"):
        _find.by_port(8001, proc)
    assert _find.occupant(8001, proc) == ""


def test_a_listener_of_another_user(proc: Path) -> None:
    with pytest.raises(ServiceError, match=r"(?s)port 22 .*another user \(uid 0\).*--url http://127.0.0.1:22"):
        _find.by_port(22, proc)


def test_a_process_and_the_ports_of_its_tree(proc: Path) -> None:
    found = _find.by_pid(10, proc)
    assert found.pids == (10,) and found.ports == (8000,) and found.host == "127.0.0.1"
    with pytest.raises(ServiceError, match="there is no process 77"):
        _find.by_pid(77, proc)


@pytest.mark.parametrize(
    ("url", "host", "port", "scheme"),
    [
        ("http://example.org/x", "example.org", 80, "http"),
        ("https://example.org", "example.org", 443, "https"),
        ("http://[::1]:81", "::1", 81, "http"),
    ],
)
def test_an_address(url: str, host: str, port: int, scheme: str) -> None:
    found = _find.by_url(url)
    assert (found.host, found.ports, found.scheme, found.pids) == (host, (port,), scheme, ())


def test_several_trees_have_several_roots() -> None:
    table = {pid: _process(pid, parent) for pid, parent in ((1, 0), (2, 1), (3, 2), (4, 1), (5, 4))}
    assert _find.tops([3, 5], table) == (3, 5)
    assert _find.tops([2, 3, 4, 5], table) == (2, 4)
    assert _find.tops([1, 5], table) == (1,)


def test_a_long_command_line_is_cut(proc: Path) -> None:
    (proc / "12/cmdline").write_bytes(b"x" * 500)
    assert len(_find.named(12, proc)) == _find.SHORT


def _process(pid: int, parent: int) -> _guard.Process:
    return _guard.Process(
        pid, STAT.format(pid=pid, parent=parent, session=1, start=1).rpartition(")")[2].encode().split()
    )


@pytest.fixture
def server(free_port: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    child = subprocess.Popen([sys.executable, "web.py", str(free_port)], cwd=APPS)
    try:
        assert until(lambda: _find.occupant(free_port))
        yield child, free_port
    finally:
        child.kill()
        child.wait()


@pytest.mark.real
def test_a_real_server_is_found(server: tuple[subprocess.Popen[bytes], int]) -> None:
    child, port = server
    assert _find.by_port(port).pids == (child.pid,)
    assert _find.by_pid(child.pid).ports == (port,)
    assert [each.port for each in _find.listening([child.pid])] == [port]
    assert "web.py" in _find.named(child.pid)


@pytest.mark.real
def test_our_own_listener_is_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert os.getpid() in _find.by_port(listener.getsockname()[1]).pids
