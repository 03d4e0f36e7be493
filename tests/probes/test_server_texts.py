"""What the probes of servers make of captured answers."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes import _rabbit_text, _redis_queues, _talk, haproxy, jvm, memcached, queues, redis, redis_commands
from loadlab.services import Target

INFO = (
    b"# Stats\r\nkeyspace_hits:30\r\nkeyspace_misses:10\r\nevicted_keys:4\r\nredis_version:7.0.15\r\n# Keyspace\r\n"
    b"db0:keys=12,expires=3,avg_ttl=0\r\ndb1:keys=5,expires=0,avg_ttl=0\r\n"
)


def test_info_gives_numbers_and_the_keys_of_all_databases() -> None:
    found = redis.parse(INFO)
    assert found["keyspace_hits"] == 30 and found["evicted_keys"] == 4 and found["keys"] == 17
    assert "redis_version" not in found


def test_commandstats() -> None:
    text = b"cmdstat_get:calls=3,usec=9,usec_per_call=3.00\r\ncmdstat_config|get:calls=1,usec=2000000,x=1\r\n"
    assert redis_commands.parse(text) == [("get", 3.0, 9e-6), ("config|get", 1.0, 2.0)]


def test_stats_of_memcached() -> None:
    found = memcached.parse(b"STAT pid 5\r\nSTAT version 1.6.18\r\nSTAT get_hits 8\r\nEND\r\n")
    assert found == {"pid": 5.0, "get_hits": 8.0}
    assert memcached.whole(b"STAT a 1\r\n", False) is None


CSV = (
    b"# pxname,svname,qcur,qmax,scur,smax,slim,stot,hrsp_4xx,hrsp_5xx,econ,eresp,status,req_tot,qtime,ctime,rtime,\n"
    b"loadlab,FRONTEND,,,16,20,4096,9,2,1,,,OPEN,500,,,,\n"
    b"b,127.0.0.1:7001,5,9,4,4,4,250,2,1,3,0,no check,,12,0,31,\n"
    b"b,127.0.0.1:7002,0,0,0,4,,250,0,0,0,0,DOWN,,0,0,2,\n\n"
)


def test_the_table_of_haproxy() -> None:
    found = dict(haproxy.parse(CSV))
    assert found[""] == (500.0, 1.0, 2.0, None, 16.0, 4096.0, None, None, None, 1.0)
    assert found["127.0.0.1:7001"] == (250.0, 4.0, 2.0, 5.0, 4.0, 4.0, 12.0, 0.0, 31.0, 1.0)
    assert found["127.0.0.1:7002"][5] is None and found["127.0.0.1:7002"][-1] == 0.0


def test_a_server_of_haproxy_is_told_by_its_address_whatever_it_is_called() -> None:
    """As HAProxy 2.6 answered for a configuration with `server q1 127.0.0.1:29981 maxconn 3`."""
    text = (
        b"# pxname,svname,qcur,scur,slim,stot,status,req_tot,addr,\nwww,FRONTEND,,16,2000,9,OPEN,500,,\n"
        b"quotes,q1,0,3,3,250,UP,,127.0.0.1:29981,\nquotes,BACKEND,10,16,200,500,UP,,,\n"
    )
    found = dict(haproxy.parse(text))
    assert list(found) == ["", "127.0.0.1:29981", "backend"]
    assert found["127.0.0.1:29981"][3:6] == (0.0, 3.0, 3.0)


def test_queues_of_rabbitmq_are_summed_over_channels() -> None:
    text = (
        b'rabbitmq_detailed_queue_messages_ready{vhost="/",queue="a \\"b\\""} 48\n'
        b'rabbitmq_detailed_queue_messages_unacked{vhost="/",queue="a \\"b\\""} 2\n'
        b'rabbitmq_detailed_queue_consumers{vhost="/",queue="a \\"b\\""} 1\n'
        b'rabbitmq_detailed_queue_messages_published_total{channel="<1>",queue="a \\"b\\"",exchange=""} 50\n'
        b'rabbitmq_detailed_queue_messages_published_total{channel="<2>",queue="a \\"b\\"",exchange=""} 7\n'
        b'rabbitmq_detailed_queue_process_reductions_total{vhost="/",queue="a"} 7\n'
    )
    assert _rabbit_text.parse(text) == [('a \\"b\\"', (48.0, 2.0, 1.0, 57.0))]


STREAM = [b"length", 90, b"entries-added", 100]
GROUP = [b"name", b"g", b"consumers", 2, b"pending", 3, b"lag", 40]
QUEUES: list[tuple[str, Any, Any, tuple[float | None, ...]]] = [
    ("stream", STREAM, [GROUP], (40.0, 3.0, 2.0, 100.0)),
    ("stream", STREAM, [GROUP, GROUP], (80.0, 6.0, 4.0, 100.0)),
    ("stream", STREAM, [[b"name", b"g", b"pending", 3, b"lag", None]], (None, 3.0, 0.0, 100.0)),
    ("stream", STREAM, [], (0.0, 0.0, 0.0, 100.0)),
    ("list", 12, 1, (12.0, None, None, None)),
    ("list", "WRONGTYPE", 1, (0.0, None, None, None)),
]


@pytest.mark.parametrize(("kind", "first", "second", "expected"), QUEUES)
def test_queues_of_redis(kind: str, first: Any, second: Any, expected: tuple[float | None, ...]) -> None:
    assert _redis_queues.values(kind, first, second) == expected


class Asked:
    """A Redis that was sent these commands, and all it was asked by loadlab."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *sent: str) -> None:
        self.questions: list[bytes] = []
        stats = "\r\n".join(f"cmdstat_{each}:calls=2,usec=9,usec_per_call=4.50" for each in sent)

        def ask(_line: object, question: bytes) -> list[Any]:
            self.questions.append(question)
            return [stats.encode()] if b"commandstats" in question else [[b"0", []], [b"0", [b"jobs"]], 3, 1]

        monkeypatch.setattr(_talk.Line, "ask", ask)


@pytest.mark.parametrize(
    ("sent", "role", "is_queue"),
    [("brpop", "cache", True), ("lpush", "cache", False), ("lpush", "queue", True), ("get", "cache", False)],
)
def test_one_question_says_what_a_redis_did_and_whether_it_is_a_queue(
    sent: str, role: str, is_queue: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, targets = Asked(monkeypatch, sent), One(role)
    commands, depth = redis_commands.open(targets), queues.open(targets)
    for second in range(4):
        assert [row[0].name for row in commands.read(second)] == [sent]
        found = [(row[0].name, row[1][0]) for row in depth.read(second)]
    assert found == [("jobs", 3.0)] * is_queue
    assert sum(b"commandstats" in each for each in server.questions) == 4
    targets.pid += 1  # another server, of which nothing is known yet
    assert list(depth.read(4.0)) == []


class One:
    """Runs one Redis."""

    def __init__(self, role: str) -> None:
        self.role, self.pid = role, 11

    def now(self) -> tuple[Target, ...]:
        return (Target("store", 0, self.pid, role=self.role, status={"redis": "6379"}),)


ANSWER = b"$3\r\nabc\r\n*2\r\n:7\r\n*1\r\n$-1\r\n-ERR no\r\n+OK\r\n"


def test_replies_of_redis() -> None:
    assert _talk.replies(4)(ANSWER, False) == [b"abc", [7, [None]], "ERR no", b"OK"]


@given(st.integers(0, len(ANSWER) - 1))
def test_a_reply_that_is_not_whole_is_waited_for(end: int) -> None:
    assert _talk.replies(4)(ANSWER[:end], False) is None


def perf_data(entries: dict[str, int], *, accessible: int = 1) -> bytes:
    """A file as HotSpot maps it, with entries of its own layout."""
    body = b""
    for name, value in entries.items():
        text = name.encode() + b"\0"
        value_at = -(-(20 + len(text)) // 8) * 8
        body += struct.pack("<IIIBBBBI", value_at + 8, 20, 0, ord("J"), 0, 1, 3, value_at)
        body += text.ljust(value_at - 20, b"\0") + struct.pack("<q", value)
    head = (
        struct.pack(">I", 0xCAFEC0C0) + bytes([1, 2, 0, accessible]) + struct.pack("<IIqII", 0, 0, 0, 32, len(entries))
    )
    return head + body


HOTSPOT = {
    "sun.os.hrt.frequency": 1_000_000_000,
    "sun.gc.collector.0.time": 1_500_000_000,
    "sun.gc.collector.0.invocations": 7,
    "sun.gc.collector.1.time": 500_000_000,
    "sun.gc.collector.1.invocations": 1,
    "sun.rt.safepointTime": 2_250_000_000,
    "sun.gc.generation.1.space.0.used": 4096,
}


def test_the_counters_of_a_java_machine() -> None:
    assert jvm.values_of(jvm.counters(perf_data(HOTSPOT))) == (2.0, 8.0, 2.25, 4096.0)
    assert jvm.values_of(jvm.counters(perf_data({"sun.os.hrt.frequency": 1}))) == (0.0, 0.0, None, None)


@pytest.mark.parametrize("data", [b"", b"x" * 64, perf_data(HOTSPOT, accessible=0)])
def test_a_file_that_is_none_or_not_finished_says_nothing(data: bytes) -> None:
    assert jvm.values_of(jvm.counters(data)) is None


@given(st.data())
def test_no_file_of_counters_breaks_the_reader(data: st.DataObject) -> None:
    whole = bytearray(perf_data(HOTSPOT))
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    jvm.values_of(jvm.counters(bytes(whole[: data.draw(st.integers(0, len(whole)))])))


def test_the_file_is_found_by_what_the_process_maps() -> None:
    line = b"7efd000-7efd8000 rw-s 00000000 fe:00 2154610                    /tmp/hsperfdata_some body/18\n"
    assert jvm.MAPPED.search(line) is None  # a name with a space is none of a login
    assert jvm.MAPPED.search(b"7f0-7f1 r-xp 0 fe:00 1 /lib/x.so\n" + line.replace(b" body", b""))[1] == (
        b"/tmp/hsperfdata_some/18"
    )
