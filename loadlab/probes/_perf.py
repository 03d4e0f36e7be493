"""Samples of where threads of any language use the CPU, by the kernel's own profiler (perf_event_open).

The kernel interrupts a thread after so much CPU time, and writes down where its program was and who had called that,
as far as frame pointers tell: those of Go always, those of C, C++ and Rust where they were asked for; else only the
innermost address. Nothing is stopped and nothing is read from the process. Structures: linux/perf_event.h.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

PER_S = 99
"""Samples for each second of a core. Odd, so that they do not fall in step with timers of 10 ms."""

PAGES = 8
"""Of one thread's buffer, a power of two: 99 samples a second of at most 64 addresses are 54 KB, so that a quarter of
a second fills it to two fifths. Without privileges a user may lock 516 KiB, which is 14 of them."""

CALL = {"x86_64": 298, "aarch64": 241}
"""perf_event_open, by machine."""

TASK_CLOCK = (1, 1)
"""PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK: needs no counter of the processor's, so virtual machines have it."""
IP, TID, CALLCHAIN = 1 << 0, 1 << 1, 1 << 5
EXCLUDE_KERNEL, FREQUENCY, EXCLUDE_CALLCHAIN_KERNEL = 1 << 5, 1 << 10, 1 << 21
ATTRIBUTES = struct.Struct("<IIQQQQQ60xH2x")
"""perf_event_attr in its fifth version (Linux 4.1): type, size, config, sample_freq, sample_type, read_format, flags,
and at the end sample_max_stack."""
SIZE = ATTRIBUTES.size
DEEPEST = 64
"""Addresses of a chain: Go's net/http has 10 of its own above a handler."""
CLOSE_ON_EXEC = 1 << 3

MEND = "sudo sysctl kernel.perf_event_paranoid=2   (in a container: --cap-add PERFMON)"

HEAD, TAIL = 1024, 1032
"""Offsets of data_head and data_tail in the first page."""
RECORD = struct.Struct("<IHH")
SAMPLE = 9
FIRST = struct.Struct("<QIIQ")
CONTEXT = 0xFFFF_FFFF_FFFF_F000
"""Addresses from here on are marks (PERF_CONTEXT_USER), and none of a program's."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of one thread on a CPU. chain: addresses, innermost first; the others are those to which calls
    return."""

    tid: int
    chain: tuple[int, ...]


class Refused(Exception):
    """The kernel does not let us look. what: why; mend: the way out, "" where there is none."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(f"{what}: {mend}" if mend else what)
        self.what, self.mend = what, mend


class Sampler:
    """Threads that are looked at, until it is closed."""

    def __init__(self) -> None:
        self._buffers: dict[int, tuple[int, mmap.mmap]] = {}

    def add(self, tid: int) -> bool:
        """Whether a thread is looked at from now on: False where it has ended, or the user may lock no more memory.
        Raises Refused where none may be looked at."""
        if tid in self._buffers:
            return True
        opened = _open(tid)
        if opened is None:
            return False
        try:
            self._buffers[tid] = (opened, mmap.mmap(opened, (1 + PAGES) * mmap.PAGESIZE))
        except OSError:
            os.close(opened)
            return False
        return True

    def read(self) -> Iterator[Sample]:
        """What was seen since the last call."""
        for _, buffer in self._buffers.values():
            yield from _taken(buffer)

    def close(self) -> None:
        """Ends it."""
        for opened, buffer in self._buffers.values():
            buffer.close()
            os.close(opened)
        self._buffers.clear()


def _open(tid: int) -> int | None:
    number = CALL.get(platform.machine())
    if number is None:
        raise Refused(f"the kernel's profiler is not used on {platform.machine()}")
    library = ctypes.CDLL(None, use_errno=True)
    # What the kernel does for a thread is its caller's work as well; who may not see that sees the rest.
    for flags in (FREQUENCY | EXCLUDE_CALLCHAIN_KERNEL, FREQUENCY | EXCLUDE_KERNEL):
        kind, config = TASK_CLOCK
        attributes = ATTRIBUTES.pack(kind, SIZE, config, PER_S, IP | TID | CALLCHAIN, 0, flags, DEEPEST)
        opened: int = library.syscall(number, ctypes.create_string_buffer(attributes, SIZE), tid, -1, -1, CLOSE_ON_EXEC)
        if opened >= 0:
            return opened
        why = ctypes.get_errno()
        if why not in (errno.EACCES, errno.EPERM):
            break
    if why == errno.ESRCH:
        return None
    if why in (errno.EACCES, errno.EPERM):
        raise Refused("the kernel's profiler may not be used", MEND)
    raise Refused(f"the kernel's profiler does not work here: {os.strerror(why)}")


def _taken(buffer: mmap.mmap) -> list[Sample]:
    """Empties one buffer, which is a ring: a record may begin at its end and go on at its start."""
    head, tail = (struct.unpack_from("<Q", buffer, at)[0] for at in (HEAD, TAIL))
    size = PAGES * mmap.PAGESIZE
    start, end = tail % size, head % size
    ring = memoryview(buffer)[mmap.PAGESIZE : mmap.PAGESIZE + size]
    data = b"" if head == tail else bytes(ring[start:end]) if start < end else bytes(ring[start:]) + bytes(ring[:end])
    ring.release()
    struct.pack_into("<Q", buffer, TAIL, head)
    return samples(data)


def samples(data: bytes) -> list[Sample]:
    """Of whole records, one behind the other; those of other kinds (lost, throttled) are passed over."""
    found, at = [], 0
    while at + RECORD.size <= len(data):
        kind, _, size = RECORD.unpack_from(data, at)
        if size < RECORD.size or at + size > len(data):
            break
        if kind == SAMPLE and size >= RECORD.size + FIRST.size:
            _, _, tid, depth = FIRST.unpack_from(data, at + RECORD.size)
            depth = min(depth, (size - RECORD.size - FIRST.size) // 8)
            chain = struct.unpack_from(f"<{depth}Q", data, at + RECORD.size + FIRST.size)
            found.append(Sample(tid, tuple(each for each in chain if each < CONTEXT)))
        at += size
    return found
