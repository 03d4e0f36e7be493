"""A compiled program of one's own under the kernel's profiler."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.probes import _native
from loadlab.probes._stack_run import StackRun
from loadlab.probes._tree import Member
from loadlab.recording.folded import parse_folded
from loadlab.recording.model import NATIVE
from loadlab.services import Target

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc: make system installs it"),
]

PROGRAM = """#include <pthread.h>
volatile unsigned long kept;
__attribute__((noinline)) void weave(unsigned long h) {
  for (int i = 0; i < 100000; i++) h = h * 6364136223846793005UL + 1;
  kept = h;
}
void *work(void *_) { for (;;) weave(kept); }
int main(void) { pthread_t one; pthread_create(&one, 0, work, 0); pthread_join(one, 0); }
"""


@pytest.fixture
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    source, program = tmp_path / "loom.c", tmp_path / "loom"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-pthread", *request.param, "-o", program, source], check=True)
    process = subprocess.Popen([program])
    yield process
    process.kill()
    process.wait()


def looked_at(process: subprocess.Popen[bytes]) -> StackRun:
    (run,) = _native.record([Member(Target("loom", 0, process.pid), process.pid, 0)], 1.0, SYSTEM, threading.Event())
    return run


@pytest.mark.parametrize(
    ("running", "file", "line"),
    [(["-g", "-fno-omit-frame-pointer"], "loom.c", 4), ([], "loom", 0)],
    indirect=["running"],
)
def test_the_function_that_uses_the_cpu_is_named(running: subprocess.Popen[bytes], file: str, line: int) -> None:
    """Of a thread that is not the first; where the program tells its lines, with these."""
    run = looked_at(running)
    assert (run.mode, run.error) == (NATIVE, "")
    samples = parse_folded(run.by_pid[running.pid])
    inside = [(frames[-1], count) for _, frames, count in samples if frames and frames[-1].function == "weave"]
    total = sum(count for *_, count in samples)
    assert total > 20 and sum(count for _, count in inside) > 0.8 * total
    frame = max(inside, key=lambda each: each[1])[0]
    assert Path(frame.file).name == file and (frame.line == line or line == 0)


@pytest.mark.parametrize("running", [["-s"]], indirect=True)
def test_a_program_without_symbols_is_said_to_have_none(running: subprocess.Popen[bytes]) -> None:
    run = looked_at(running)
    assert run.by_pid == {} and run.error == "loom has no symbols: build it without stripping (-s, strip)"
    assert run.subject == NATIVE
