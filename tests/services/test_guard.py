from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import SYSTEM
from loadlab.services import _guard
from loadlab.services._guardian import Guardian
from tests.services.conftest import APPS, alive, family, until

STAT = "{pid} ({name}) {state} {parent} {pid} {session} " + "0 " * 15 + "{start} 0 0\n"
SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]
MARK = (b"LOADLAB_RUN=abc",)


def process(proc: Path, pid: int, parent: int, session: int, mark: str = "", state: str = "S", start: int = 0) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    text = STAT.format(pid=pid, name=f"x) S {pid}", state=state, parent=parent, session=session, start=start or pid)
    (folder / "stat").write_text(text)
    (folder / "environ").write_bytes(
        f"A=1\0LOADLAB_RUN={mark}\0LOADLAB_INSTANCE=app/0\0".encode() if mark else b"A=1\0"
    )


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    process(tmp_path, 1, 0, 1)
    process(tmp_path, 100, 1, 100, "abc")  # the root, in a session of its own
    process(tmp_path, 101, 100, 100)  # its worker hid its environment
    process(tmp_path, 102, 101, 102)  # and that one's child left the session, too
    process(tmp_path, 103, 1, 103, "abc")  # a daemon
    process(tmp_path, 104, 103, 104)  # a child of the daemon
    process(tmp_path, 105, 1, 100)  # an orphan without environment, still in the session
    process(tmp_path, 106, 100, 100, state="Z")
    process(tmp_path, 200, 1, 200, "abcdef")  # another run, whose mark begins alike
    process(tmp_path, 201, 1, 201, "other")
    return tmp_path


def pids(proc: Path, marks: tuple[bytes, ...], roots: set[tuple[int, int]], **more: Any) -> list[int]:
    return [each.pid for each in _guard.family(marks, roots, str(proc), **more)]


def test_a_family_is_found_by_mark_by_session_and_by_descent(proc: Path) -> None:
    assert pids(proc, MARK, {(100, 100)}) == [100, 101, 102, 103, 104, 105]
    assert pids(proc, MARK, set()) == [100, 101, 102, 103, 104]
    assert pids(proc, (), {(100, 100)}) == [100, 101, 102, 105]


def test_all_marks_have_to_be_there(proc: Path) -> None:
    assert pids(proc, (*MARK, b"LOADLAB_INSTANCE=app/0"), set()) == [100, 101, 102, 103, 104]
    assert pids(proc, (*MARK, b"LOADLAB_INSTANCE=app/1"), set()) == []


def test_the_spared_and_what_descends_from_them_alone_are_not_in_it(proc: Path) -> None:
    assert pids(proc, MARK, set(), spared=frozenset({103})) == [100, 101, 102]


def test_a_number_that_was_given_to_somebody_else_is_not_ours(proc: Path) -> None:
    assert pids(proc, (), {(100, 99)}) == []
    assert pids(proc, (), {(201, 7)}) == []


def test_a_session_outlives_its_leader(proc: Path) -> None:
    for name in ("stat", "environ"):
        (proc / "100" / name).unlink()
    assert pids(proc, (), {(100, 100)}) == [101, 102, 105]


def test_nothing_that_ends_is_signalled_by_number() -> None:
    child = subprocess.Popen(SLEEPER)
    try:
        seen = _guard.look(child.pid)
        assert seen is not None
        seen.start += 1
        assert not _guard.send(seen, signal.SIGKILL)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
    seen.start -= 1
    assert not _guard.send(seen, signal.SIGKILL)


def test_records_are_understood(tmp_path: Path) -> None:
    guard = _guard.Guard()
    for record in (b"mark M=1", b"watch 7 8", b"watch 9 10", b"forget 7 8", b"cgroup /cg/a b", b"temp /t", b"nonsense"):
        guard.hear(record)
    assert guard.marks == (b"M=1",) and guard.roots == {(9, 10)}
    assert guard.cgroups == ["/cg/a b"] and guard.temps == ["/t"] and not guard.dismissed
    guard.hear(b"bye")
    assert guard.dismissed


def test_a_link_is_removed_but_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    _guard.remove(str(tmp_path / "link"))
    assert (tmp_path / "mine/file").exists() and not (tmp_path / "link").is_symlink()
    _guard.remove(str(tmp_path / "mine"))
    _guard.remove(str(tmp_path / "mine"))
    assert list(tmp_path.iterdir()) == []


def test_a_tree_of_cgroups_is_removed_from_below(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    assert _guard.remove_cgroup(str(tmp_path / "a")) and _guard.remove_cgroup(str(tmp_path / "a"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(SLEEPER)
    yield child
    child.kill()
    child.wait()


def stopped(pid: int) -> bool:
    seen = _guard.look(pid)
    return seen is not None and seen.state == "T"


@pytest.mark.real
def test_a_goodbye_touches_nothing(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with Guardian() as guardian:
        pid = guardian.pid
        assert guardian.alive and alive(pid)
        guardian.watch(sleeper.pid)
        guardian.temp(tmp_path / "kept")
        guardian.close()
        assert not guardian.alive and guardian.pid == 0
    assert not alive(pid) and alive(sleeper.pid) and (tmp_path / "kept").exists()


@pytest.mark.real
def test_after_an_error_it_looks_for_what_is_left() -> None:
    with subprocess.Popen(SLEEPER, start_new_session=True) as child:

        def broken() -> None:
            with Guardian() as guardian:
                guardian.watch(child.pid)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            broken()
        assert child.wait(1) == -signal.SIGKILL


@pytest.mark.real
def test_it_ignores_what_ends_others() -> None:
    with Guardian() as guardian:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            os.kill(guardian.pid, number)
        SYSTEM.sleep(0.1)
        assert guardian.alive


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_guardian_that_is_gone_is_noticed(number: signal.Signals) -> None:
    with Guardian() as guardian:
        os.kill(guardian.pid, number)
        assert until(lambda: not guardian.alive, 1.0)
        for _ in range(3):
            guardian.candidate(os.getpid())  # nobody hears it, and nothing breaks


@pytest.mark.real
def test_a_guardian_that_stands_still_blocks_nobody(tmp_path: Path) -> None:
    with Guardian() as guardian:
        os.kill(guardian.pid, signal.SIGSTOP)
        for number in range(5_000):
            guardian.temp(tmp_path / f"{number:050d}")
        assert not guardian.alive


@pytest.mark.real
def test_its_start_costs_little() -> None:
    before = os.times().children_user + os.times().children_system
    with Guardian():
        pass
    assert os.times().children_user + os.times().children_system - before < 0.05


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_killed_loadlab_leaves_nothing(
    number: signal.Signals, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    argv = [sys.executable, str(APPS / "parent.py"), str(tmp_path), str(sleeper.pid)]
    env = os.environ | {"PYTHONPATH": str(Path(_guard.__file__).parents[2])}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=env) as parent:
        assert parent.stdout is not None
        said = json.loads(parent.stdout.readline())
        mine = [*said["pids"], *_strays(tmp_path), *family(said["mark"])]
        # the server, what strays leaves, and the daemon
        assert len(set(mine)) >= 5 and all(map(alive, mine))
        assert until(lambda: stopped(said["pids"][0])) and until(lambda: stopped(sleeper.pid))
        began = SYSTEM.monotonic()
        os.kill(parent.pid, number)
        parent.wait()
    assert until(lambda: not any(map(alive, mine)) and not alive(said["guardian"]), 3.0), SYSTEM.monotonic() - began
    assert alive(sleeper.pid) and not stopped(sleeper.pid)
    assert not any(Path(each).exists() for each in [*said["cgroups"], said["temp"]])


def _strays(recording: Path) -> list[int]:
    (line,) = [each for each in (recording / "strays-0.log").read_text().splitlines() if each.startswith("strays")]
    return [int(each) for each in line.split()[1:]]
