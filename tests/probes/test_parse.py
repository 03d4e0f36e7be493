"""What the probes make of captured text of /proc, of nginx's log and of the kernel's socket table."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes import _cgroup_files as cgroup
from loadlab.probes import _proc_text, _pyspy, _sockets, _syscalls, _threadstate, _tree, _waiting, core, nginx
from loadlab.probes import sockets as listeners
from loadlab.probes._flow import Flow
from loadlab.probes._nagle import Nagle
from loadlab.probes._syscalls import Doing
from loadlab.recording.folded import folded, parse_folded
from loadlab.recording.model import Frame
from loadlab.services import Space

STAT = b"4242 (a) b (c) S 1 4242 4242 0 -1 4194304 100 0 7 0 250 31 0 0 20 0 3 0 9911 1000000 2500 18446744073709551615"


def test_a_name_with_brackets_does_not_shift_the_fields_of_stat() -> None:
    fields = _tree.stat_fields(STAT)
    assert (fields[0], fields[1], fields[11], fields[12], fields[17], fields[19], fields[21]) == (
        b"S",
        b"1",
        b"250",
        b"31",
        b"3",
        b"9911",
        b"2500",
    )


@given(st.binary(max_size=300))
def test_stat_of_anything_never_raises(raw: bytes) -> None:
    _tree.stat_fields(raw)
    _tree.mark_of(raw)


def test_a_marker_is_found_in_an_environment() -> None:
    assert _tree.mark_of(b"PATH=/bin\0LOADLAB_INSTANCE=app/2\0X=1") == "app/2"


def test_limits_and_switches() -> None:
    limits = b"Limit  Soft  Hard Units\nMax open files            256                  20000                files\n"
    assert _proc_text.soft_limit(limits) == 256
    assert _proc_text.soft_limit(
        b"Max open files            unlimited            unlimited            files\n"
    ) == float("inf")
    status = b"Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"
    assert _proc_text.parse_switches(status) == (12, 3)
    assert _proc_text.parse_schedstat(b"940330000 312005000 3\n") == (0.94033, 0.312005, 3)
    assert _proc_text.parse_allowed(b"Threads:\t1\nCpus_allowed:\t6\nCpus_allowed_list:\t1-2\n") == 0b110
    assert _proc_text.parse_allowed(b"Cpus_allowed:\t1,00000001\n") == 2**32 + 1
    assert _proc_text.parse_allowed(status) == 0
    assert _proc_text.bits(0b110) == (2.0, 1.0)
    assert _proc_text.bits(0) == (None, None)


POLL_MEMORY = struct.pack("=ihhihh", 5, 1, 0, 9, 1, 0)


@pytest.mark.skipif(_syscalls.CALLS.get(232) != "epoll", reason="system call numbers of x86-64")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"running\n", Doing("running")),
        (b"232 0x4 0x7f 0x400 0xffffffff 0x0 0x0 0x7ff 0x7ff\n", Doing("idle_epoll", epoll=4)),
        (b"281 0x4 0x7f 0x400 0xffffffff 0x0 0x0 0x7ff 0x7ff\n", Doing("idle_epoll", epoll=4)),
        (b"288 0x3 0x0 0x0 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("idle_accept")),
        (b"202 0x7f 0x80 0x0 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("futex")),
        (b"230 0x1 0x1 0x7ff 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("sleep")),
        (b"230 0x0 0x0 0x7ff 0x7ff 0x0 0x0 0x7ff 0x7ff\n", Doing("sleep", "a nap")),
        (b"45 0x9 0x7f 0x400 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("socket_wait", "db/0")),
        (b"0 0x9 0x7f 0x400 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("socket_wait", "db/0")),
        (b"0 0x7 0x7f 0x400 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("file_io", "file:/x.db")),
        (b"0 0x8 0x7f 0x400 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("file_io", "pipe")),
        (b"1 0x8 0x7f 0x400 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("file_io", "full pipe")),
        (b"20 0x8 0x7f 0x2 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("file_io", "full pipe")),
        (b"1 0x7 0x7f 0x400 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("file_io", "file:/x.db")),
        (b"73 0x7 0x2 0x0 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("lock_file", "file:/x.db")),
        (b"72 0x7 0x7 0x0 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("lock_file", "file:/x.db")),
        (b"72 0x7 0x1 0x0 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("other", "file:/x.db")),
        (b"7 0x1000 0x2 0xffffffff 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("idle_accept")),
        (b"7 0x0 0x0 0x64 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("sleep")),
        (b"61 0xffffffff 0x0 0x0 0x0 0x0 0x0 0x7ff 0x7ff\n", Doing("wait_child")),
        (b"-1 0x7ff 0x7ff\n", Doing("file_io")),
        (b"", None),
    ],
)
def test_what_a_thread_does(raw: bytes, expected: Doing | None) -> None:
    peers = {9: "db/0", 8: "pipe", 7: "file:/x.db", 5: "listen"}
    assert _syscalls.parse(raw, lambda fd: peers.get(fd, ""), lambda at, size: POLL_MEMORY[:size]) == expected


def test_select_reads_its_descriptors_from_memory() -> None:
    bits = (1 << 9 | 1 << 3).to_bytes(8, "little")
    assert _syscalls.polled("select", [10, 0x1000, 0, 0], lambda at, size: bits) == [3, 9]
    assert _syscalls.polled("select", [10, 0x1000, 0, 0], lambda at, size: b"") is None


@pytest.mark.parametrize(
    ("state", "wchan", "expected"),
    [
        (b"R", "0", "running"),
        (b"S", "ep_poll", "idle_epoll"),
        (b"S", "do_epoll_wait", "other"),
        (b"S", "futex_do_wait", "futex"),
        (b"S", "hrtimer_nanosleep", "sleep"),
        (b"S", "sk_wait_data", "socket_wait"),
        (b"S", "inet_csk_accept", "idle_accept"),
        (b"D", "io_schedule", "file_io"),
    ],
)
def test_without_syscall_the_kernel_function_tells(state: bytes, wchan: str, expected: str) -> None:
    assert _syscalls.coarse(state, wchan).state == expected


def test_cpu_times_and_pressure() -> None:
    found = _proc_text.cpu("cpu  100 0 50 800 5 1 2 3 0 0\ncpu0 1 1 1 1 1 1 1 1\nctxt 77\nprocs_running 4\n")
    assert found["cpu_user_s"] == pytest.approx(100 * _proc_text.TICK_S)
    assert found["cpu_steal_s"] == pytest.approx(3 * _proc_text.TICK_S)
    assert (found["context_switches"], found["procs_running"]) == (77, 4)
    assert _proc_text.psi("some avg10=0.00 avg60=0.00 avg300=0.00 total=2936095\nfull avg10=0 total=5\n") == {
        "some": 2.936095,
        "full": 5e-06,
    }
    netstat = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 7 9\n"
    assert _proc_text.pairs(netstat, "TcpExt:") == {"ListenOverflows": 7, "ListenDrops": 9}


def test_cores() -> None:
    rows = core.parse("cpu  9 9 9 9 9 9 9 9\ncpu0 10 0 10 70 10 0 0 5\nintr 3\n")
    assert [(each.name, [round(v / _proc_text.TICK_S) for v in values if v is not None]) for each, values in rows] == [
        ("cpu0", [20, 80, 5])
    ]


def test_groups_of_both_versions(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 250000\n")
    (tmp_path / "memory.max").write_text("max\n")
    found = cgroup.v2(tmp_path)
    assert (found["quota_cores"], found["periods"], found["throttled_periods"], found["usage_s"]) == (0.5, 10, 4, 1.5)
    assert "memory_limit_bytes" not in found
    (tmp_path / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert "quota_cores" not in cgroup.v1_cpu({"cpu": tmp_path})
    (tmp_path / "memory.limit_in_bytes").write_text("1048576\n")
    (tmp_path / "memory.usage_in_bytes").write_text("4096\n")
    (tmp_path / "memory.failcnt").write_text("0\n")
    (tmp_path / "memory.memsw.failcnt").write_text("3\n")
    (tmp_path / "memory.stat").write_text(
        "workingset_refault_anon 0\nworkingset_refault_file 40\n"
        "total_workingset_refault_anon 2\ntotal_workingset_refault_file 50\n"
    )
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    limits = cgroup.v1_memory({"memory": tmp_path})
    assert limits == {
        "memory_limit_bytes": 1048576,
        "memory_usage_bytes": 4096,
        "memory_max_events": 3,
        "oom_kills": 2,
        "refaulted_pages": 52,
    }
    (tmp_path / "memory.stat").write_text("anon 4096\nworkingset_refault_anon 1\nworkingset_refault_file 7\n")
    assert cgroup.v2(tmp_path)["refaulted_pages"] == 8


def test_memberships_leave_out_root_groups() -> None:
    content = "4:memory:/box/1\n3:cpu,cpuacct:/\n2:name=systemd:/x\n0::/\n"
    assert cgroup.memberships(content, Path("/c")) == {"memory": Path("/c/memory/box/1")}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1.0 200 0.012 127.0.0.1:9001 0.011 0.000 0.011", {"": (1, 0, 0.012), "127.0.0.1:9001": (1, 0, 0.011)}),
        ("1.0 502 0.012 127.0.0.1:9001 0.011 - -", {"": (1, 1, 0.012), "127.0.0.1:9001": (1, 1, 0.011)}),
        (
            "1.0 200 0.5 127.0.0.1:9001, 127.0.0.1:9002 0.4, 0.1 0.0, 0.0 -, 0.1",
            {"": (1, 0, 0.5), "127.0.0.1:9001": (1, 1, 0.4), "127.0.0.1:9002": (1, 0, 0.1)},
        ),
        ("1.0 429 0.000 - - - -", {"": (1, 0, 0.0)}),
        ("nonsense", {}),
    ],
)
def test_lines_of_nginx(line: str, expected: dict[str, tuple[float, ...]]) -> None:
    assert {address: values[:3] for address, values in nginx.parse(line)} == expected


def test_a_log_is_read_on_from_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = nginx.Log(path)
    log.read()
    path.write_text("1 200 0.1 a:1 0.1 0 0\n1 200 0.1 a:1 0.1 0")
    log.read()
    assert log.sums["a:1"][0] == 1
    with path.open("a") as file:
        file.write(" 0\n")
    log.read()
    assert log.sums["a:1"][0] == 2


SPACE = Space(-1, "127.77.5.2", "127.77.5.1")


@pytest.mark.parametrize(
    ("state", "there", "here"),
    [
        # What it accepted from this machine, from another instance, and from itself.
        (_sockets.ESTABLISHED, ("127.0.0.1", "127.77.5.1"), ("127.77.5.2", "127.0.0.1")),
        (_sockets.ESTABLISHED, ("127.0.0.1", "127.77.5.3"), ("127.77.5.2", "127.77.5.3")),
        (_sockets.ESTABLISHED, ("127.0.0.1", "127.0.0.1"), ("127.77.5.2", "127.77.5.2")),
        (_sockets.LISTEN, ("0.0.0.0", "0.0.0.0"), ("127.77.5.2", "0.0.0.0")),
        (_sockets.ESTABLISHED, ("::1", "::1"), ("::1", "::1")),
    ],
)
def test_a_socket_of_another_namespace_is_called_as_on_this_machine(
    state: int, there: tuple[str, str], here: tuple[str, str]
) -> None:
    seen = _sockets.Socket(state, there[0], 8000, there[1], 41_000, 1, 2, 3)
    assert _sockets.outward(seen, SPACE) == _sockets.Socket(state, here[0], 8000, here[1], 41_000, 1, 2, 3)


@given(st.binary(max_size=400))
def test_datagrams_of_anything_never_hang(data: bytes) -> None:
    with suppress(OSError):
        _sockets.parse(data)


def test_a_datagram_as_the_kernel_sends_it() -> None:
    body = struct.pack("=BBBB", socket.AF_INET, _sockets.LISTEN, 0, 0) + struct.pack("!HH", 8000, 0)
    body += socket.inet_aton("127.0.0.1") + b"\0" * 12 + b"\0" * 16 + b"\0" * 12
    body += struct.pack("=IIIII", 0, 7, 64, 0, 1234)
    message = _sockets.HEADER.pack(16 + len(body), 20, 2, 1, 0) + body
    (found,), done = _sockets.parse(message)
    assert not done
    assert (found.local, found.port, found.receive_queue, found.send_queue, found.inode) == (
        "127.0.0.1",
        8000,
        7,
        64,
        1234,
    )
    assert listeners.parse([found], {8000})[8000][:2] == (7, 64)


def test_stacks_of_a_tree_are_told_apart() -> None:
    text = (
        'process 10:"python m.py";process 12:"python w.py";thread (12): MainThread;run (/a.py:3);hot (/a.py:9) 5\n'
        'process 10:"python m.py";thread (0x7f): worker-1;run (/a.py:3) 2\n'
        "garbage\n"
    )
    found = _pyspy.split(text, 10)
    assert found == {10: "worker-1;run (/a.py:3) 2\n", 12: "MainThread;run (/a.py:3);hot (/a.py:9) 5\n"}


def test_a_refusal_of_ptrace_names_the_way_out() -> None:
    assert "ptrace_scope" in _pyspy.reason("Error: Permission Denied: Try running again with elevated permissions")
    assert "ptrace_scope" in _pyspy.reason("Error: No python processes found in process 7 or any of its subprocesses")
    trace = "Error: the interpreter is too new\n\nCaused by:\n    0: x\n\nStack backtrace:\n   0: py_spy::main\n"
    assert _pyspy.reason(trace) == "py-spy gave no stacks: the interpreter is too new"


names = st.text(
    st.characters(blacklist_characters=";\r\n()", blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1
)


@given(names, st.lists(st.tuples(names, names, st.integers(1, 9999)), min_size=1, max_size=5), st.integers(1, 10**6))
def test_folded_lines_come_back(thread: str, frames: list[tuple[str, str, int]], count: int) -> None:
    stack = tuple(Frame(*each) for each in frames)
    assert parse_folded(folded(thread, stack, count)) == ((thread, stack, count),)


def far_end(sent: int, received: int, acked: int, **more: int) -> _sockets.Socket:
    return _sockets.Socket(
        _sockets.ESTABLISHED,
        "127.0.0.1",
        1,
        "127.0.0.1",
        2,
        more.get("unread", 0),
        more.get("unacknowledged", 0),
        1,
        sent,
        received,
        acked,
        more.get("segments_in", 5),
        more.get("segments_out", 5),
        Flow(0, more["bytes_in"], 0, 0, 0, 0) if "bytes_in" in more else None,
        Nagle(held="held" in more, late=False),
    )


@pytest.mark.parametrize(
    ("caller", "callee", "expected"),
    [
        (far_end(300, 900, 300), None, 1),
        (far_end(900, 300, 300), None, 0),
        (far_end(10, 10, 10), None, 1),
        (far_end(10, 10, 10, segments_in=40, segments_out=40), None, 0),
        (far_end(10, 10, 10, segments_in=39, segments_out=40), None, 1),
        (far_end(10, 10, 10, segments_in=80, segments_out=40), None, 0),
        (far_end(10, 10, 10, segments_in=78, segments_out=40), None, 1),
        (far_end(600, 600, 600, segments_in=0, segments_out=1), far_end(600, 600, 600), 1),
        (far_end(600, 600, 600, segments_in=0, segments_out=0), None, 0),
        (far_end(600, 600, 560), far_end(600, 600, 600), 1),
        (far_end(600, 600, 600), far_end(600, 600, 560), 0),
        (far_end(600, 600, 600), far_end(600, 600, 600, unread=80), 1),
        (far_end(90, 90, 90, unacknowledged=80), far_end(90, 90, 90), 1),
        (far_end(90, 90, 90, segments_in=8), far_end(90, 90, 90), 1),
        (far_end(90, 90, 90, segments_in=9), far_end(90, 90, 90), 0),
        (far_end(900, 300, 300), far_end(300, 900, 300, unread=80), 0),
        (far_end(90, 90, 90, segments_in=9), far_end(90, 90, 90, held=1), 1),
        (far_end(90, 90, 90), far_end(94, 90, 90), 1),
        (far_end(90, 90, 90), far_end(90, 94, 90), 0),
        (far_end(90, 90, 90, segments_in=57, segments_out=40, bytes_in=39 * 181), far_end(90, 90, 90), 1),
        (far_end(90, 90, 90, segments_in=57, segments_out=40, bytes_in=40 * 181), far_end(90, 90, 90), 0),
        (far_end(90, 90, 90, segments_in=57, segments_out=40, bytes_in=7211), far_end(90, 90, 90), 0),
        (far_end(90, 90, 90, segments_in=3, segments_out=2, bytes_in=181), far_end(90, 90, 90), 0),
        (far_end(-1, -1, -1, segments_in=-1, segments_out=-1), None, 0),
    ],
    ids=[
        "asked after the last answer",
        "answered since",
        "in use",
        "in use, and every question has its answer",
        "in use, one answer short",
        "in use, every question has its answer of two segments",
        "in use, an answer of two segments is short",
        "first request",
        "nothing said yet",
        "only acknowledged",
        "answer acknowledged",
        "unread",
        "not acknowledged",
        "an answer of two segments short",
        "another number of segments",
        "answered before it was read to its end",
        "the rest of the answer is held back",
        "its far end received after it sent",
        "its far end sent after it received",
        "an answer short in bytes",
        "as many answers as questions",
        "answers of several lengths",
        "too few answers to tell by their bytes",
        "kernel says nothing",
    ],
)
def test_a_request_is_outstanding(caller: _sockets.Socket, callee: _sockets.Socket | None, expected: float) -> None:
    assert _waiting.waiting(caller, callee) == expected


def test_a_process_that_may_not_be_looked_at_is_left_to_the_profiler_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "readlink", refuse)
    assert _pyspy.is_python(1)
    monkeypatch.undo()
    assert not _pyspy.is_python(2**22 + 1)  # no such process


FDINFO = b"""pos:\t0
flags:\t02000002
mnt_id:\t15
ino:\t1057
tfd:        5 events:       19 data:                5  pos:0 ino:1bc5 sdev:8
tfd:       13 events: 80000019 data: ffffffff0000000d  pos:0 ino:2a01 sdev:8
"""


@pytest.mark.parametrize(("fdinfo", "found"), [(FDINFO, [5, 13]), (b"", []), (b"pos:\t0\n", [])])
def test_what_an_epoll_watches(fdinfo: bytes, found: list[int]) -> None:
    assert _threadstate.watched(fdinfo) == found


@pytest.mark.parametrize(
    ("peers", "count"),
    [
        (["listen", "socket", "pipe", "full pipe", "", "file:/a"], 0),
        (["listen", "socket", "socket"], 0),
        (["listen", "caller", "db/0", "10.0.0.1:5432", "socket"], 3),
        (["listen", *["socket"] * 5], 3),
    ],
    ids=["a worker that only listens", "wakes itself", "a loop", "a loop on Unix sockets"],
)
def test_connections_among_what_an_epoll_watches(peers: list[str], count: int) -> None:
    assert _threadstate.connections(peers) == count
