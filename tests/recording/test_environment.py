"""What a machine says of itself, from files as they look on several machines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from loadlab.recording.environment import cgroup_version, commit, quota_cores, take, versions


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


V2 = {"cgroup.controllers": "cpu memory", "a/cpu.max": "150000 100000\n", "a/b/cpu.max": "max 100000\n"}
V1 = {"cpu/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_quota_us": "50000", "cpu/a/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("files", "membership", "version", "quota"),
    [
        (V2, "0::/a/b\n", "v2", 1.5),
        (V2, "0::/\n", "v2", None),
        (V2 | {"cpu.max": "200000 100000"}, "0::/not/mounted/here\n", "v2", 2.0),
        (V1, "4:memory:/\n3:cpu,cpuacct:/a\n", "v1", 0.5),
        (V1, "", "v1", None),
        ({}, "0::/a\n", "none", None),
    ],
)
def test_the_quota_is_the_smallest_on_the_way_up(
    tmp_path: Path, files: dict[str, str], membership: str, version: str, quota: float | None
) -> None:
    write(tmp_path, files)
    assert cgroup_version(tmp_path) == version
    assert quota_cores(version, membership, tmp_path) == quota


def test_a_machine_that_says_nothing_is_still_described(tmp_path: Path) -> None:
    found = take(proc=tmp_path, cgroups=tmp_path)
    assert found["cores"] >= 1
    assert (found["memory_bytes"], found["cpu_model"], found["somaxconn"], found["cgroup"]) == (
        None,
        None,
        None,
        "none",
    )


def test_this_machine_is_described_in_full() -> None:
    found = take()
    assert found["memory_bytes"] > 1 << 20
    assert 1 <= found["cores"] <= found["cores_online"]
    assert len(found["nofile"]) == len(found["ip_local_port_range"]) == 2


def test_a_quota_below_one_core_leaves_one(tmp_path: Path) -> None:
    write(tmp_path, {"cgroup.controllers": "", "cpu.max": "50000 100000", "self/cgroup": "0::/\n"})
    found = take(proc=tmp_path, cgroups=tmp_path)
    assert (found["cores"], found["quota_cores"]) == (1, 0.5)


def test_versions_leave_out_what_is_not_installed() -> None:
    assert set(versions(("numpy", "no-such-package-anywhere"))) == {"python", "numpy"}


def test_the_commit_of_a_folder(tmp_path: Path) -> None:
    assert commit(tmp_path) == ""
    assert commit(tmp_path / "missing") == ""
    who = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    for order in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *order], check=True)
    assert len(commit(tmp_path)) == 40
