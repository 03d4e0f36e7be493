"""Real kills and real full disks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.recording.reader import read

pytestmark = pytest.mark.real

WRITES = """
import sys
from pathlib import Path
from loadlab.clock import SYSTEM
from loadlab.recording.writer import Recorder
from tests.recording.conftest import METRICS, interval, meta
from loadlab.recording.model import Entity

t0 = SYSTEM.monotonic()
recorder = Recorder.create(Path(sys.argv[1]), meta(), SYSTEM, t0)
recorder.declare("process", METRICS)
recorder.phase("steady")
size = int(sys.argv[2])
before = 0.0
while recorder.now() < float(sys.argv[3]):
    SYSTEM.sleep(0.05)
    now = recorder.now()
    rows = [(Entity("process", "app", 0, pid), (now, float(pid))) for pid in range(size)]
    recorder.rows("process", now, rows, 0, 0)
    recorder.interval(interval(before, now, [1000] * 20))
    before = now
    print(now, flush=True)
recorder.close()
print("problem", recorder.problem, flush=True)
"""


def writer(root: Path, size: int, seconds: float) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", WRITES, str(root), str(size), str(seconds)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("after_s", [0.02, 0.9, 1.7, 2.6])
def test_a_kill_loses_at_most_the_last_second(tmp_path: Path, after_s: float) -> None:
    child = writer(tmp_path, 5, 60)
    assert child.stdout is not None
    child.stdout.readline()
    SYSTEM.sleep(after_s)
    child.kill()
    said = [float(each) for each in child.stdout.read().splitlines()]
    child.wait()
    child.stdout.close()
    killed = said[-1] if said else 0.0
    (folder,) = tmp_path.iterdir()
    found = read(folder)
    assert [each.name for each in found.phases] == ["steady"]
    assert killed - 1.25 <= found.end <= killed + 0.2
    if killed > 1.5:
        (series,) = found.series("process.cpu_user_s", pid=3)
        assert series.t[-1] >= killed - 1.25
        quantiles = found.quantiles(0, 60)
        assert quantiles is not None
        assert quantiles.count == sum(each.count for each in found.requests)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB. Needs root, as every CI container is."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_full_disk_ends_the_recording_and_not_the_run(small_disk: Path) -> None:
    child = writer(small_disk, 300, 4)
    out, _ = child.communicate(timeout=30)
    assert child.returncode == 0
    last = out.splitlines()[-1]
    assert "recording stopped" in last
    assert "full" in last or "space" in last
    assert float(out.splitlines()[-2]) > 3.5
    (folder,) = small_disk.iterdir()
    assert read(folder).phases[0].name == "steady"


def test_a_terminated_writer_leaves_a_readable_recording(tmp_path: Path) -> None:
    child = writer(tmp_path, 5, 60)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    child.wait()
    child.stdout.close()
    (folder,) = tmp_path.iterdir()
    assert read(folder).meta.name == "shop"
