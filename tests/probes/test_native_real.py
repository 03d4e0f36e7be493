"""A compiled program of one's own under the kernel's profiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.probes import _native
from loadlab.probes._gotable import sections
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
def program() -> str:
    return PROGRAM


@pytest.fixture
def running(request: pytest.FixtureRequest, program: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """With these options; --corrupt: with tables for unwinding that make no sense."""
    source, built = tmp_path / "loom.c", tmp_path / "loom"
    source.write_text(program)
    options = [each for each in request.param if each != "--corrupt"]
    subprocess.run(["gcc", "-O1", "-pthread", *options, "-o", built, source], check=True)
    if options != request.param:
        data = built.read_bytes()
        _, offset, size = sections(data)[".eh_frame"]
        built.write_bytes(data[:offset] + b"\x07\xff\x0c" * (size // 3) + data[offset + size // 3 * 3 :])
    process = subprocess.Popen([built])
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
    called = sum(count for _, frames, count in samples if [each.function for each in frames[-2:]] == ["work", "weave"])
    assert called > 0.8 * total  # with frame pointers or without
    frame = max(inside, key=lambda each: each[1])[0]
    assert Path(frame.file).name == file and (frame.line == line or line == 0)


LIBRARYS = """#include <stdlib.h>
static int rows[50000];
static int by_size(const void *a, const void *b) { return *(const int *)a < *(const int *)b ? -1 : 1; }
__attribute__((noinline)) void rank(void) {
  for (int i = 0; i < 50000; i++) rows[i] = rand();
  qsort(rows, 50000, sizeof *rows, by_size);
}
int main(void) { for (;;) rank(); }
"""


@pytest.mark.parametrize("program", [LIBRARYS])
@pytest.mark.parametrize("running", [[]], indirect=True)
def test_what_a_library_does_for_a_function_counts_to_that(running: subprocess.Popen[bytes], program: str) -> None:
    """Neither has frame pointers; the program has been deleted meanwhile, and another has its name."""
    path = Path(os.readlink(f"/proc/{running.pid}/exe"))
    path.unlink()
    path.write_text("#!/bin/sh")
    samples = parse_folded(looked_at(running).by_pid[running.pid])
    total = sum(count for *_, count in samples)
    libc = [(frames, count) for _, frames, count in samples if "libc" in frames[-1].file]
    assert sum(count for _, count in libc) > 0.2 * total
    ranked = sum(count for frames, count in libc if any(each.function == "rank" for each in frames))
    assert ranked > 0.9 * sum(count for _, count in libc)


@pytest.mark.parametrize("running", [["-O0", "--corrupt"]], indirect=True)
def test_without_tables_frame_pointers_tell(running: subprocess.Popen[bytes]) -> None:
    samples = parse_folded(looked_at(running).by_pid[running.pid])
    called = sum(count for _, frames, count in samples if [each.function for each in frames[-2:]] == ["work", "weave"])
    assert called > 0.8 * sum(count for *_, count in samples)


@pytest.mark.parametrize("running", [["-s"]], indirect=True)
def test_a_program_without_symbols_is_said_to_have_none(running: subprocess.Popen[bytes]) -> None:
    run = looked_at(running)
    assert run.by_pid == {} and run.error == "loom has no symbols: build it without stripping (-s, strip)"
    assert run.subject == NATIVE
