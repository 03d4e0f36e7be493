"""Limits that hold for real processes, by what this machine has: cgroups, a scope of systemd, or rlimits."""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import LimitUnavailable, ServiceError
from loadlab.services import _limits
from loadlab.services._guardian import Guardian
from loadlab.services._launch import launch
from loadlab.services._plans import plan_all
from tests.services.conftest import Launcher, ListJournal, get, python, spec_of, until, web

pytestmark = pytest.mark.real


def test_the_open_file_limit_is_hard(launching: Launcher) -> None:
    code = (
        "import os,resource,time\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
        "kept=[]\n"
        "try:\n    while True: kept.append(os.open('/', 0))\n"
        "except OSError as error: print(error.errno, max(kept))\n"
        "time.sleep(60)"
    )
    with launching(python(code, limits={"files": 64}, ready={"log": r"\d+ \d+\n"})) as run:
        assert run.journal.log_path("app", 0).read_text() == "(64, 64)\n24 63\n"
        (target,) = run.running.now()
        assert target.files_limit == 64
        assert resource.prlimit(target.pid, resource.RLIMIT_NOFILE) == (64, 64)


SPIN = "import time\nprint('go')\nwhile True: pass"


def test_the_cpu_limit_holds(launching: Launcher) -> None:
    service = python(SPIN, limits={"cpu": 0.2}, ready={"log": "go"})
    if not _limits.limits_available()["cpu"][0]:
        with pytest.raises(LimitUnavailable, match=r"or leave limits\.cpu out"), launching(service):
            pass
        return
    with launching(service) as run:
        (target,) = run.running.now()
        before, at = _cpu_s(target.pid), SYSTEM.monotonic()
        SYSTEM.sleep(1.5)
        share = (_cpu_s(target.pid) - before) / (SYSTEM.monotonic() - at)
        folders = list(target.cgroup.values())
        assert folders and all(each.is_dir() for each in folders)
    assert 0.05 < share < 0.3
    assert not any(each.exists() for each in folders)


@pytest.mark.skipif(not _limits.limits_available()["cpu"][0], reason="no CPU limits here")
def test_two_systems_under_one_guardian_have_limits_of_their_own(tmp_path: Path) -> None:
    """As where a remedy is tried: the second has the same services, and twice the quota."""
    with ExitStack() as stack:
        guardian = stack.enter_context(Guardian())
        targets = []
        for cores in (0.1, 0.2):
            folder = tmp_path / str(cores)
            plans = plan_all(spec_of(python(SPIN, limits={"cpu": cores}, ready={"log": "go"})), folder)
            running = stack.enter_context(launch(plans, ListJournal(folder), SYSTEM, guardian))
            targets += running.now()
        before, at = [_cpu_s(each.pid) for each in targets], SYSTEM.monotonic()
        SYSTEM.sleep(1.5)
        took = SYSTEM.monotonic() - at
        first, second = ((_cpu_s(each.pid) - was) / took for each, was in zip(targets, before, strict=True))
        folders = [set(each.cgroup.values()) for each in targets]
    assert 1.3 < second / first < 3 and not folders[0] & folders[1]
    assert not any(each.exists() for each in folders[0] | folders[1])


def test_the_memory_limit_holds(launching: Launcher) -> None:
    code = "import time\nprint('go')\ntime.sleep(0.3)\nx = bytearray(200_000_000)\nprint('more')\ntime.sleep(60)"
    by_kernel = r"killed by SIGKILL \(by the kernel: it reached limits.memory\)"
    by_rlimit = r"(?s)ended with exit code 1.*MemoryError"
    with launching(python(code, limits={"memory": "40MB"}, ready={"log": "go"})) as run:
        folders = [each for target in run.running.now() for each in target.cgroup.values()]
        assert until(lambda: run.journal.of("exited"), 10)
        with pytest.raises(ServiceError, match=by_rlimit if run.notes[0].startswith("app-0: limits") else by_kernel):
            run.running.check()
    assert "more" not in run.journal.log_path("app", 0).read_text()
    assert not any(each.exists() for each in folders)


def test_memory_per_process_where_there_is_no_cgroup(launching: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "means", lambda: _limits.Means(why={"memory": "for a test"}))
    code = "import time\ntry: bytearray(200_000_000)\nexcept MemoryError: print('refused')\ntime.sleep(60)"
    with launching(python(code, limits={"memory": "100MB"}, ready={"log": "refused"})) as run:
        assert len(run.notes) == 1 and "for a test" in run.notes[0]


def test_a_scope_is_what_the_launcher_runs_in(
    launching: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "systemd-run"
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setattr(_limits, "means", lambda: _limits.Means(scope=(str(fake), "--scope")))
    with launching(web(limits={"cpu": 0.5})) as run:
        assert get(run.running.url("app"))["pid"] == run.running.now()[0].pid
    assert (tmp_path / "said").read_text().startswith("--scope -p CPUQuota=50% -- ")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
