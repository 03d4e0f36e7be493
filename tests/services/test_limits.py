from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadlab.errors import LimitUnavailable
from loadlab.services import _cgroups, _limits
from loadlab.services._cgroups import Place
from loadlab.services._limits import Means
from loadlab.spec.model import Limits

RUN = "0123456789abcdef"


class Remembers:
    def __init__(self) -> None:
        self.folders: list[Path] = []

    def cgroup(self, path: Path) -> None:
        self.folders.append(path)


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Path]:
    """A /proc that says these hierarchies are mounted below the folder, and where this process sits."""

    def build(mounts: dict[str, str], mine: str) -> Path:
        proc = tmp_path / "proc"
        (proc / "self").mkdir(parents=True, exist_ok=True)
        lines = []
        for number, (folder, kind) in enumerate(mounts.items()):
            name, _, options = kind.partition(":")
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            where = str(tmp_path / folder).replace(" ", "\\040")
            lines.append(
                f"{30 + number} 25 0:{number} / {where} rw - {name} {name} rw{',' + options if options else ''}"
            )
        (proc / "self/mountinfo").write_text("\n".join(lines) + "\n")
        (proc / "self/cgroup").write_text(mine)
        return proc

    return build


def unified(folder: Path, controllers: str, shared: str, procs: str = "", kind: str | None = "domain") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(shared)
    (folder / "cgroup.procs").write_text(procs)
    if kind is not None:
        (folder / "cgroup.type").write_text(kind)


def test_version_1_below_this_processs_own_cgroup(machine: Callable[..., Path], tmp_path: Path) -> None:
    proc = machine(
        {"cg/cpu": "cgroup:cpu,cpuacct", "cg/memory": "cgroup:memory", "cg/unified": "cgroup2"},
        "2:memory:/session/7\n1:cpu,cpuacct:/\n0::/\n",
    )
    (tmp_path / "cg/memory/session/7").mkdir(parents=True)
    assert _cgroups.place("cpu", proc) == (Place(tmp_path / "cg/cpu", 1), "")
    assert _cgroups.place("memory", proc) == (Place(tmp_path / "cg/memory/session/7", 1), "")


def test_version_1_that_may_not_be_written_in(machine: Callable[..., Path]) -> None:
    proc = machine({"cg/cpu": "cgroup:cpu"}, "1:cpu:/\n")
    found, why = _cgroups.place("cpu", proc, lambda path: False)
    assert found is None and "may not be written in" in why


def test_version_2_where_a_parent_shares_the_controller_out(machine: Callable[..., Path], tmp_path: Path) -> None:
    proc = machine({"cg": "cgroup2"}, "0::/user/me/session\n")
    unified(tmp_path / "cg", "cpu memory", "cpu memory", kind=None)
    unified(tmp_path / "cg/user", "cpu memory", "cpu memory")
    unified(tmp_path / "cg/user/me", "cpu memory", "memory")
    unified(tmp_path / "cg/user/me/session", "memory", "", procs="1\n")
    assert _cgroups.place("memory", proc)[0] == Place(tmp_path / "cg/user/me", 2)
    # Nobody sits in me/ itself, so it can be told to share cpu out, too: nearer than user/, which does already.
    assert _cgroups.place("cpu", proc)[0] == Place(tmp_path / "cg/user/me", 2, enable=True)


def test_version_2_in_a_container_whose_only_cgroup_holds_processes(
    machine: Callable[..., Path], tmp_path: Path
) -> None:
    proc = machine({"cg": "cgroup2"}, "0::/\n")
    unified(tmp_path / "cg", "cpu memory", "", procs="1\n7\n")
    found, why = _cgroups.place("cpu", proc)
    assert found is None and "holds processes itself" in why


def test_version_2_at_the_real_root(machine: Callable[..., Path], tmp_path: Path) -> None:
    proc = machine({"cg": "cgroup2"}, "0::/\n")
    unified(tmp_path / "cg", "cpu memory", "", procs="1\n", kind=None)
    assert _cgroups.place("cpu", proc)[0] == Place(tmp_path / "cg", 2, enable=True)


def test_a_cgroup_outside_of_what_is_mounted(machine: Callable[..., Path]) -> None:
    found, why = _cgroups.place("cpu", machine({"cg": "cgroup2"}, "0::/../other\n"))
    assert found is None and "is not below" in why


def test_no_cgroups_at_all(tmp_path: Path, machine: Callable[..., Path]) -> None:
    assert _cgroups.place("cpu", tmp_path)[0] is None
    found, why = _cgroups.place("cpu", machine({}, ""))
    assert found is None and why == "no cgroup hierarchy with cpu is mounted"


def test_a_mount_point_with_a_space(machine: Callable[..., Path], tmp_path: Path) -> None:
    proc = machine({"my cg": "cgroup:cpu"}, "1:cpu:/\n")
    assert _cgroups.place("cpu", proc)[0] == Place(tmp_path / "my cg", 1)


def test_version_1_files(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "memory").mkdir()
    have = Means(Place(tmp_path / "cpu", 1), Place(tmp_path / "memory", 1))
    told = Remembers()
    applied = _limits.apply(Limits(cpu=0.5, memory="64MB", files=100), "app-0", RUN, told, have)
    cpu, memory = applied.cgroups["cpu"], applied.cgroups["memory"]
    assert (cpu / "cpu.cfs_quota_us").read_text() == "50000"
    assert (cpu / "cpu.cfs_period_us").read_text() == "100000"
    assert (memory / "memory.limit_in_bytes").read_text() == "64000000"
    assert applied.rlimits == {resource.RLIMIT_NOFILE: 100} and applied.scope == ()
    assert told.folders == [cpu, memory]
    assert cpu.name == "loadlab-0123456789ab-app-0"


def test_version_2_files_in_one_cgroup(tmp_path: Path) -> None:
    unified(tmp_path / "a", "cpu memory", "cpu memory")
    unified(tmp_path / "a/b", "cpu memory", "cpu")
    have = Means(Place(tmp_path / "a/b", 2), Place(tmp_path / "a", 2))
    applied = _limits.apply(Limits(cpu=1.5, memory="1GiB"), "app-0", RUN, Remembers(), have)
    assert list(applied.cgroups) == ["unified"]
    folder = applied.cgroups["unified"]
    assert folder.parent == tmp_path / "a"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert (folder / "memory.max").read_text() == str(1024**3)


def test_a_controller_is_switched_on_where_that_is_needed(tmp_path: Path) -> None:
    unified(tmp_path, "cpu", "")
    have = Means(cpu=Place(tmp_path, 2, enable=True))
    _limits.apply(Limits(cpu=1.0), "app-0", RUN, Remembers(), have)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"


def test_a_quota_is_never_below_what_the_kernel_takes(tmp_path: Path) -> None:
    applied = _limits.apply(Limits(cpu=0.001), "app-0", RUN, Remembers(), Means(cpu=Place(tmp_path, 1)))
    assert (applied.cgroups["cpu"] / "cpu.cfs_quota_us").read_text() == "1000"


def test_without_cgroups_systemd_makes_a_scope() -> None:
    have = Means(scope=("systemd-run", "--scope", "--user"))
    applied = _limits.apply(Limits(cpu=0.5, memory="1MB"), "app-0", RUN, Remembers(), have)
    assert applied.scope == (
        "systemd-run", "--scope", "--user", "-p", "CPUQuota=50%", "-p", "MemoryMax=1000000", "-p", "MemorySwapMax=0",
    )  # fmt: skip
    assert applied.cgroups == {} and applied.rlimits == {}


def test_a_scope_needs_a_running_systemd_and_a_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scope(**more: Any) -> tuple[str, ...]:
        given: dict[str, Any] = {"environ": {"XDG_RUNTIME_DIR": str(tmp_path)}, "systemd": tmp_path}
        return _limits.means(tmp_path, which=lambda name: f"/bin/{name}", **(given | more)).scope

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert scope() == ()
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/private").touch()
    assert scope()[0] == "/bin/systemd-run" and "--user" in scope()
    assert scope(environ={}) == ()
    assert scope(systemd=tmp_path / "none") == ()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert scope() and "--user" not in scope()


def test_cpu_that_cannot_be_limited_is_an_error_with_the_way_out() -> None:
    with pytest.raises(LimitUnavailable, match=r"app-0: limits.cpu = 0.5 .*\(why not\).*run loadlab as root"):
        _limits.apply(Limits(cpu=0.5), "app-0", RUN, Remembers(), Means(why={"cpu": "why not"}))


def test_memory_without_a_cgroup_is_limited_per_process_and_says_so() -> None:
    applied = _limits.apply(Limits(memory="1MiB"), "app-0", RUN, Remembers(), Means(why={"memory": "why not"}))
    assert applied.rlimits == {resource.RLIMIT_DATA: 1024**2}
    assert "for each of its processes" in applied.note and "why not" in applied.note


def test_more_files_than_the_session_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (10, 20))
    with pytest.raises(LimitUnavailable, match=r"limits.files = 100, but this session may open 20 at most"):
        _limits.apply(Limits(files=100), "app-0", RUN, Remembers(), Means())


def test_a_limit_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(LimitUnavailable, match=r"no cgroup could be made in .*missing"):
        _limits.apply(
            Limits(cpu=1.0, memory="1MB"),
            "app-0",
            RUN,
            Remembers(),
            Means(Place(tmp_path / "missing", 1), Place(tmp_path, 1)),
        )
    assert list(tmp_path.iterdir()) == []


def test_kills_for_memory_are_read_from_either_version(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    (one / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    (two / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n")
    assert _limits.Applied({"memory": one}).killed_for_memory == 3
    assert _limits.Applied({"unified": two}).killed_for_memory == 1
    assert _limits.Applied({"cpu": one}).killed_for_memory == 0


def test_what_is_available_is_told_with_its_reason() -> None:
    none = _limits.limits_available(Means(why={"cpu": "no such thing"}))
    assert none["cpu"][0] is False and "no such thing" in none["cpu"][1] and none["memory"][0] and none["files"][0]
    have = _limits.limits_available(Means(Place(Path("/cg"), 2), Place(Path("/cg"), 1)))
    assert have["cpu"] == (True, "cgroup v2 below /cg") and have["memory"] == (True, "cgroup v1 below /cg")
    assert _limits.limits_available(Means(scope=("systemd-run",)))["cpu"] == (True, "a scope of systemd (systemd-run)")
