"""Logs of an nginx that somebody else configured, found in a /proc made by hand."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from loadlab.probes import nginx_log
from loadlab.probes._nginx_files import open_flags
from loadlab.services import Target
from tests.services.conftest import until

WRITES, READS = "0102001", "0100000"
"""O_WRONLY | O_APPEND | O_LARGEFILE; O_RDONLY | O_LARGEFILE."""
LACKING = b"2026/11/27 06:56:21 [alert] 22845#22845: 24 worker_connections are not enough\n"
START = b"2026/11/27 06:56:00 [notice] 22845#22845: start worker processes\n"
FULL_UP = b"2026/11/27 06:53:44 [error] 21977#21977: *273 no live upstreams while connecting to upstream, client: ::1\n"


class Machine:
    """One service, `edge`, whose root is `pid`. `start` makes processes in a /proc of its own."""

    def __init__(self, folder: Path, pid: int = 100) -> None:
        self.proc = folder / "proc"
        self.pid = pid
        self.unit = "command"

    def now(self) -> tuple[Target, ...]:
        return (Target("edge", 0, self.pid, unit=self.unit),)

    def start(self, pid: int, name: str = "nginx", parent: int = 100, **files: tuple[Path, str]) -> None:
        """`_2=(path, flags)`: what it holds open as its descriptor 2."""
        folder = self.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "fdinfo").mkdir()
        (folder / "stat").write_text(f"{pid} ({name}) S {parent} " + " ".join(["0"] * 40))
        (folder / "comm").write_text(f"{name}\n")
        for number, (path, flags) in files.items():
            (folder / "fd" / number[1:]).symlink_to(path)
            (folder / "fdinfo" / number[1:]).write_text(f"pos:\t0\nflags:\t{flags}\nmnt_id:\t30\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.start(100, "sh", parent=1)
    return made


def file(folder: Path, name: str, text: bytes = b"") -> Path:
    (folder / name).write_bytes(text)
    return folder / name


def more(path: Path, text: bytes) -> None:
    with path.open("ab") as log:
        log.write(text)


def test_what_it_makes_its_stderr_is_its_log_whoever_writes_there_too(machine: Machine, tmp_path: Path) -> None:
    """Old lines are of an earlier run; two processes hold the same file, and it is counted once."""
    log = file(tmp_path, "main", b"a shell's own line\n" + 3 * LACKING)
    for pid in (101, 102):
        machine.start(pid, _2=(log, WRITES))
    probe = nginx_log.open(machine, machine.proc)
    assert [values for _, values in probe.read(0.0)] == [(0.0, 0.0, 0.0, None)]
    more(log, 2 * LACKING + FULL_UP)
    ((entity, values),) = probe.read(1.0)
    assert (entity.kind, entity.service, entity.instance) == ("upstream", "edge", 0)
    assert values == (1.0, 0.0, 2.0, 24.0)


def test_logs_of_its_blocks_are_known_by_their_lines_and_other_files_are_left_alone(
    machine: Machine, tmp_path: Path
) -> None:
    hers = file(tmp_path, "of-a-server", START)
    access = file(tmp_path, "access", b'127.0.0.1 - - "GET /?worker_connections are not enough" 200\n')
    late = file(tmp_path, "empty-so-far")
    config = file(tmp_path, "nginx.conf", START)
    machine.start(101, _4=(hers, WRITES), _5=(access, WRITES), _6=(config, READS), _7=(late, WRITES))
    probe = nginx_log.open(machine, machine.proc)
    list(probe.read(0.0))
    for path in (hers, access, late, config):
        more(path, LACKING)
    ((_, values),) = probe.read(1.0)
    assert values[2] == 1.0, "the one that has no line yet is not known"
    list(probe.read(6.0))
    for path in (hers, access, late, config):
        more(path, LACKING)
    ((_, values),) = probe.read(7.0)
    assert values[2] == 3.0, "of two logs"


def test_a_log_that_was_emptied_or_is_another_after_a_rotation_is_read_from_its_start(
    machine: Machine, tmp_path: Path
) -> None:
    log = file(tmp_path, "main", 9 * LACKING)
    machine.start(101, _2=(log, WRITES))
    probe = nginx_log.open(machine, machine.proc)
    list(probe.read(0.0))
    log.write_bytes(LACKING)
    assert [values[2] for _, values in probe.read(1.0)] == [1.0]
    log.rename(tmp_path / "main.1")
    (machine.proc / "101" / "fd" / "2").unlink()
    (machine.proc / "101" / "fd" / "2").symlink_to(file(tmp_path, "main"))
    list(probe.read(6.0))
    more(log, LACKING)
    assert [values[2] for _, values in probe.read(7.0)] == [2.0]


@pytest.mark.parametrize("name", ["python", "node", "haproxy"])
def test_files_of_other_programs_are_not_read(machine: Machine, tmp_path: Path, name: str) -> None:
    machine.start(101, name, _2=(file(tmp_path, "main", START), WRITES))
    assert list(nginx_log.open(machine, machine.proc).read(0.0)) == []


def test_an_nginx_that_loadlab_configured_has_its_log_where_it_was_put(machine: Machine, tmp_path: Path) -> None:
    machine.unit = "nginx"
    machine.start(101, _2=(file(tmp_path, "main", START), WRITES))
    assert list(nginx_log.open(machine, machine.proc).read(0.0)) == []


def test_a_process_that_is_somebody_elses_or_gone_has_no_files(machine: Machine) -> None:
    machine.start(101)
    (machine.proc / "101" / "fd").rmdir()
    assert list(nginx_log.open(machine, machine.proc).read(0.0)) == []


def test_flags_of_a_descriptor() -> None:
    assert open_flags(b"pos:\t0\nflags:\t0102001\nmnt_id:\t9\n") == 0o102001
    assert open_flags(b"") == 0


@pytest.mark.real
def test_an_nginx_that_a_command_starts(tmp_path: Path) -> None:
    """With connections for few, and a log of errors where its own configuration says, once in all and once in a
    server's block."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no nginx on PATH: make system installs it")
    listen = tmp_path / "socket"
    file(
        tmp_path,
        "own.conf",
        f"""daemon off; pid {tmp_path}/pid; error_log {tmp_path}/of-all notice;
        events {{ worker_connections 8; }}
        http {{ access_log {tmp_path}/access; server {{ listen unix:{listen}; error_log {tmp_path}/of-one; }} }}
        """.encode(),
    )
    started = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(tmp_path / "own.conf")])
    with contextlib.ExitStack() as stack:
        stack.callback(started.wait, 5.0)
        stack.callback(started.terminate)
        assert until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip() == str(started.pid))
        probe = nginx_log.open(Machine(tmp_path, started.pid))
        assert [values[2] for _, values in probe.read(0.0)] == [0.0]
        for _ in range(30):
            visitor = stack.enter_context(socket.socket(socket.AF_UNIX))
            visitor.connect(str(listen))
            visitor.sendall(b"GET / HTTP/1.1\r\n")
        assert until(lambda: [values[2] > 0 and values[3] == 8.0 for _, values in probe.read(1.0)] == [True])
