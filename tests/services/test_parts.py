"""A launcher's programs that listen are services of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadlab.clock import FakeClock
from loadlab.recording.model import ServiceMeta
from loadlab.services import Target, _parts, _watched

STAT = "{pid} (x) S {parent} {pid} {pid} " + "0 " * 15 + "{start} 0 0\n"
SHOP = "/venv/bin/python /venv/bin/uvicorn shop:app --port "


@dataclass(frozen=True)
class Socket:
    port: int
    inode: int


@dataclass
class Machine:
    """/proc with a few processes, and what is listened on."""

    proc: Path
    targets: tuple[Target, ...] = (Target("site", 0, 10, ports=(7000,)),)
    open: list[Socket] = field(default_factory=list)
    told: list[tuple[ServiceMeta, ...]] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def now(self) -> tuple[Target, ...]:
        return self.targets

    def process(self, pid: int, parent: int, command: str, *inodes: int) -> None:
        folder = self.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "stat").write_text(STAT.format(pid=pid, parent=parent, start=100 + pid))
        (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")
        for number, inode in enumerate(inodes):
            (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")

    def listen(self, **ports: int) -> None:
        """inode70=7000"""
        self.open += [Socket(port, int(name[5:])) for name, port in ports.items()]

    def parts(self) -> _parts.Parts:
        return _parts.Parts(self, lambda: self.open, self.clock, self.told.append, self.proc)


def launcher(tmp_path: Path) -> Machine:
    """10 starts haproxy on the service's port, two equal servers, each below a shell, and a worker without a port."""
    machine = Machine(tmp_path)
    machine.process(10, 1, "/venv/bin/python /venv/bin/honcho start")
    machine.process(11, 10, "haproxy -db -f h.cfg", 70)
    machine.process(12, 10, f"/bin/sh -c {SHOP}7001")
    machine.process(13, 12, f"{SHOP}7001", 71)
    machine.process(14, 10, f"{SHOP}7002", 72)
    machine.process(15, 10, "ruby worker.rb")
    machine.listen(inode70=7000, inode71=7001, inode72=7002, inode99=22)
    return machine


def brief(targets: Sequence[Target]) -> list[tuple[str, int, int, tuple[int, ...]]]:
    return [(each.service, each.instance, each.pid, each.ports) for each in targets]


def test_programs_on_ports_of_their_own_are_services_and_equal_ones_are_instances(tmp_path: Path) -> None:
    machine = launcher(tmp_path)
    machine.targets = (replace(machine.targets[0], cgroup={"cpu": tmp_path}),)
    found = machine.parts().now()
    assert [bool(each.cgroup) for each in found] == [True, False, False, False]  # a limit is counted once
    assert brief(found) == [
        ("site", 0, 11, (7000,)),
        ("site.uvicorn", 0, 13, (7001,)),
        ("site.uvicorn", 1, 14, (7002,)),
        ("site.honcho", 0, 10, ()),
    ]
    servers, starter = machine.told[-1]
    assert (servers.name, servers.instances, servers.ports, servers.role) == ("site.uvicorn", 2, (7001, 7002), "app")
    assert (starter.name, starter.instances, starter.ports) == ("site.honcho", 1, ())


def test_one_program_is_no_launcher_whatever_else_it_listens_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.process(10, 1, "sh -c serve")
    machine.process(11, 10, "gunicorn app:app", 70, 71)
    machine.process(12, 11, "gunicorn app:app", 70, 71)
    machine.process(13, 11, "gunicorn app:app", 70, 71, 72)
    machine.listen(inode70=7000, inode71=9100, inode72=9101)
    assert brief(machine.parts().now()) == [("site", 0, 10, (7000,))] and machine.told == []


def test_a_server_and_its_workers_are_one_part(tmp_path: Path) -> None:
    machine = launcher(tmp_path)
    machine.process(16, 10, "gunicorn cart:app", 73)
    machine.process(17, 16, "gunicorn cart:app", 73, 74)
    machine.listen(inode73=7003, inode74=9103)
    assert brief(machine.parts().now())[3:4] == [("site.gunicorn", 0, 16, (7003,))]


def test_different_ones_of_one_program_have_names_of_their_own(tmp_path: Path) -> None:
    machine = launcher(tmp_path)
    machine.process(16, 10, "/venv/bin/python /venv/bin/uvicorn cart:app --port 7003", 73)
    machine.listen(inode73=7003)
    assert brief(machine.parts().now())[3:4] == [("site.uvicorn-7003", 0, 16, (7003,))]


def test_one_that_comes_later_or_is_started_again_is_found(tmp_path: Path) -> None:
    machine = launcher(tmp_path)
    parts = machine.parts()
    parts.now()
    (tmp_path / "14").rename(tmp_path / "gone")
    machine.open = [each for each in machine.open if each.inode != 72]
    assert brief(parts.now())[1:] == [("site.uvicorn", 0, 13, (7001,)), ("site.honcho", 0, 10, ())]
    machine.process(24, 10, f"{SHOP}7002", 82)
    machine.process(25, 10, "ruby ledger.rb 8", 83)
    machine.listen(inode82=7002, inode83=7005)
    machine.clock.now += 0.5
    assert len(parts.now()) == 3  # looked at most once a second
    machine.clock.now += 0.6
    assert brief(parts.now())[1:] == [
        ("site.uvicorn", 0, 13, (7001,)),
        ("site.uvicorn", 1, 24, (7002,)),
        ("site.honcho", 0, 10, ()),
        ("site.ledger.rb", 0, 25, (7005,)),
    ]
    assert [each.name for each in machine.told[-1]] == ["site.uvicorn", "site.honcho", "site.ledger.rb"]


def test_an_attached_tree_keeps_the_port_that_is_loaded_and_its_parts_have_theirs(tmp_path: Path) -> None:
    machine = launcher(tmp_path)
    machine.targets = (Target("site", 0, 10, unit="attached", attached=True, ports=(7000, 7001, 7002)),)
    found = machine.parts().now()
    assert [each.ports for each in found] == [(7000,), (7001,), (7002,), ()]
    assert all(each.attached for each in found)


def test_servers_that_loadlab_starts_itself_are_left_as_they_are(tmp_path: Path) -> None:
    machine = launcher(tmp_path)
    machine.targets = (Target("site", 0, 10, unit="rabbitmq", ports=(7000,)),)
    assert len(machine.parts().now()) == 1


def test_what_a_program_is_called() -> None:
    names = {
        "java -Xmx1g -cp . Tiles 80": "Tiles",
        "java -jar lib/cart-1.2.jar": "cart-1.2.jar",
        "/usr/bin/python3.11 -m uvicorn a:b": "uvicorn",
        "node --max-old-space-size=100 /srv/lib/main.js": "main.js",
        "nginx: master process": "nginx",
        "./rates": "rates",
        "": "program",
    }
    assert {each: _parts.program(each.split(" ")) for each in names} == names


def test_processes_of_a_service_are_those_of_none_of_its_parts(tmp_path: Path) -> None:
    parents = {11: 10, 12: 10, 13: 12, 14: 13, 15: 11}
    assert [pid for pid in parents if not _watched._below(pid, parents, {13})] == [11, 12, 15]
