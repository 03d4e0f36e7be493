"""Samples of where threads of any language use the CPU, by the kernel's own profiler (perf_event_open).

The kernel interrupts a thread after so much CPU time, and writes down where its program was, who had called that as far
as frame pointers tell, and its registers with a copy of the top of its stack, by which `_unwind` tells the rest.
Nothing is stopped. Structures: linux/perf_event.h.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from loadlab.probes._unwind import Moment

PER_S = 99
"""Samples for each second of a core. Odd, so that they do not fall in step with timers of 10 ms."""

STACK_BYTES = 16_384
"""Of the top of its stack, with each sample. Rust's `sort` keeps 4 KB there: in a program that sorts, 16 KB reach to
where the thread began in each sample, 8 KB in half of them."""

PAGES, FEW = 64, 8
"""Of one thread's buffer, powers of two. 15 samples with stacks fill the first: those of 150 ms, so that who reads it
each 50 ms has time. Without privileges a user may lock 516 KiB for each CPU and what `ulimit -l` allows, 8 MiB as a
rule: 33 such. Threads for which there is no room left have one without stacks, which 60 samples of 64 addresses fill.
"""

CALL = {"x86_64": 298, "aarch64": 241}
"""perf_event_open, by machine."""
WANTED = {"x86_64": (6, 7, 8), "aarch64": (29, 30, 31, 32)}
"""Numbers of registers: frame pointer, ARM64's link, stack pointer, where the program is (asm/perf_regs.h)."""
HERE = WANTED.get(platform.machine(), ())

TASK_CLOCK = (1, 1)
"""PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK: needs no counter of the processor's, so virtual machines have it."""
IP, TID, CALLCHAIN, REGISTERS, STACK = 1 << 0, 1 << 1, 1 << 5, 1 << 12, 1 << 13
EXCLUDE_KERNEL, FREQUENCY, EXCLUDE_CALLCHAIN_KERNEL = 1 << 5, 1 << 10, 1 << 21
ATTRIBUTES = struct.Struct("<IIQQQQQ32xQI16xH2x")
"""perf_event_attr in its fifth version (Linux 4.1): type, size, config, sample_freq, sample_type, read_format, flags,
sample_regs_user, sample_stack_user, and at the end sample_max_stack."""
SIZE = ATTRIBUTES.size
DEEPEST = 64
"""Addresses of a chain: Go's net/http has 10 of its own above a handler."""
CLOSE_ON_EXEC = 1 << 3

MEND = "sudo sysctl kernel.perf_event_paranoid=2   (in a container: --cap-add PERFMON)"

HEAD, TAIL = 1024, 1032
"""Offsets of data_head and data_tail in the first page."""
RECORD = struct.Struct("<IHH")
LOST, SAMPLE = 2, 9
FIRST = struct.Struct("<QIIQ")
COUNT = struct.Struct("<Q")
LOSS = struct.Struct("<QQ")
BITS_64 = 2
"""PERF_SAMPLE_REGS_ABI_64."""
CONTEXT = 0xFFFF_FFFF_FFFF_F000
"""Addresses from here on are marks (PERF_CONTEXT_USER), and none of a program's."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of one thread on a CPU. chain: addresses, innermost first; the others are those to which calls
    return. moment: None where the kernel kept none, as of programs of 32 bits."""

    tid: int
    chain: tuple[int, ...]
    moment: Moment | None = None


class Refused(Exception):
    """The kernel does not let us look. what: why; mend: the way out, "" where there is none."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(f"{what}: {mend}" if mend else what)
        self.what, self.mend = what, mend


class Sampler:
    """Threads that are looked at, until it is closed."""

    def __init__(self) -> None:
        self._buffers: dict[int, tuple[int, mmap.mmap]] = {}
        self.lost = 0
        """Samples for which there was no room."""

    def add(self, tid: int) -> bool:
        """Whether a thread is looked at from now on: False where it has ended, or the user may lock no more memory.
        Raises Refused where none may be looked at."""
        if tid in self._buffers:
            return True
        with suppress(Refused):  # by kernels that keep no stacks
            if self._add(tid, STACK_BYTES, PAGES):
                return True
        return self._add(tid, 0, FEW)

    def _add(self, tid: int, stack_bytes: int, pages: int) -> bool:
        opened = _open(tid, stack_bytes)
        if opened is None:
            return False
        try:
            self._buffers[tid] = (opened, mmap.mmap(opened, (1 + pages) * mmap.PAGESIZE))
        except OSError:
            os.close(opened)
            return False
        return True

    def read(self) -> Iterator[Sample]:
        """What was seen since the last call."""
        for _, buffer in self._buffers.values():
            found, lost = samples(_taken(buffer))
            self.lost += lost
            yield from found

    def close(self) -> None:
        """Ends it."""
        for opened, buffer in self._buffers.values():
            buffer.close()
            os.close(opened)
        self._buffers.clear()


def _open(tid: int, stack_bytes: int) -> int | None:
    number = CALL.get(platform.machine())
    if number is None:
        raise Refused(f"the kernel's profiler is not used on {platform.machine()}")
    library = ctypes.CDLL(None, use_errno=True)
    what, registers = IP | TID | CALLCHAIN, 0
    if stack_bytes:
        what, registers = what | REGISTERS | STACK, sum(1 << each for each in HERE)
    # What the kernel does for a thread is its caller's work as well; who may not see that sees the rest.
    for flags in (FREQUENCY | EXCLUDE_CALLCHAIN_KERNEL, FREQUENCY | EXCLUDE_KERNEL):
        kind, config = TASK_CLOCK
        attributes = ATTRIBUTES.pack(kind, SIZE, config, PER_S, what, 0, flags, registers, stack_bytes, DEEPEST)
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


def _taken(buffer: mmap.mmap) -> bytes:
    """Empties one buffer, which is a ring: a record may begin at its end and go on at its start."""
    head, tail = (COUNT.unpack_from(buffer, at)[0] for at in (HEAD, TAIL))
    if head == tail:
        return b""
    size = len(buffer) - mmap.PAGESIZE
    start, end = tail % size, head % size
    ring = memoryview(buffer)[mmap.PAGESIZE :]
    data = bytes(ring[start:end]) if start < end else bytes(ring[start:]) + bytes(ring[:end])
    ring.release()
    COUNT.pack_into(buffer, TAIL, head)
    return data


def samples(data: bytes, registers: int = len(HERE)) -> tuple[list[Sample], int]:
    """Of whole records, one behind the other, and how many the kernel says it had no room for; records of other kinds
    are passed over. registers: how many it keeps."""
    found, lost, at = [], 0, 0
    while at + RECORD.size <= len(data):
        kind, _, size = RECORD.unpack_from(data, at)
        body = data[at + RECORD.size : at + size]
        if size < RECORD.size or at + size > len(data):
            break
        if kind == SAMPLE and len(body) >= FIRST.size:
            found.append(_sample(body, registers))
        if kind == LOST and len(body) >= LOSS.size:
            lost += LOSS.unpack_from(body)[1]
        at += size
    return found, lost


def _sample(body: bytes, registers: int) -> Sample:
    _, _, tid, depth = FIRST.unpack_from(body)
    depth = min(depth, (len(body) - FIRST.size) // 8)
    chain = struct.unpack_from(f"<{depth}Q", body, FIRST.size)
    moment = _moment(body, FIRST.size + 8 * depth, registers)
    return Sample(tid, tuple(each for each in chain if each < CONTEXT), moment)


def _moment(body: bytes, at: int, registers: int) -> Moment | None:
    """What follows the chain: how the registers are kept, these, how much of the stack there is room for, that, and how
    much it is."""
    start = at + 8 * (registers + 2)
    if start > len(body) or COUNT.unpack_from(body, at)[0] != BITS_64:
        return None
    bp, *link, sp, ip, room = struct.unpack_from(f"<{registers + 1}Q", body, at + 8)
    if not room or start + room + 8 > len(body):
        return None
    size = min(room, COUNT.unpack_from(body, start + room)[0])
    return Moment(ip, sp, bp, link[0] if link else 0, body[start : start + size])
