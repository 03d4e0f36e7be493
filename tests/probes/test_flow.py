"""What the kernel counts of connections: its layout, growth over connections that come and go, ports by destination."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes import _proc_text, ports
from loadlab.probes._flow import Flow, Growth, flow
from loadlab.probes._sockets import ESTABLISHED, TIME_WAIT, Socket


def info(acked: int, received: int, unsent: int, busy: int, reader: int, buffer: int) -> bytes:
    """A struct tcp_info with nothing else in it, after 7 bytes of something else."""
    data = bytearray(7 + 240)
    struct.pack_into("=QQ", data, 7 + 120, acked, received)
    struct.pack_into("=I", data, 7 + 144, unsent)
    struct.pack_into("=QQQ", data, 7 + 168, busy, reader, buffer)
    return bytes(data)


def test_a_flow_lies_where_the_kernel_puts_it() -> None:
    data = info(5_000_000_000, 700, 65_536, 3_000_000, 2_500_000, 10)
    assert flow(data, 7, len(data)) == Flow(5_000_000_000, 700, 65_536, 3_000_000, 2_500_000, 10)


def test_an_old_kernel_tells_nothing() -> None:
    data = info(1, 2, 3, 4, 5, 6)
    assert flow(data, 7, 7 + 168) is None


def test_growth_outlives_connections() -> None:
    grown = Growth(1)
    for tick in ({"a": 10}, {"a": 15, "b": 7}, {"b": 9}, {"a": 3, "b": 9}, {"a": 2}):
        for connection, value in tick.items():
            grown.add("edge", connection, (value,))
        grown.next()
    # 10 + 5 of a, 7 + 2 of b, 3 of a new a, 2 of another that took its place unseen
    assert grown.of("edge") == (29.0,)
    assert grown.of("nobody") == (0.0,)


@given(st.lists(st.dictionaries(st.integers(0, 3), st.integers(0, 100)), max_size=8))
def test_growth_never_shrinks(ticks: list[dict[int, int]]) -> None:
    grown, before = Growth(1), 0.0
    for tick in ticks:
        for connection, value in tick.items():
            grown.add("edge", connection, (value,))
        grown.next()
        assert grown.of("edge")[0] >= before
        before = grown.of("edge")[0]


def closed(port: int, to: int) -> Socket:
    return Socket(TIME_WAIT, "127.0.0.1", port, "127.0.0.1", to, 0, 0, 0)


def test_ports_are_counted_by_destination() -> None:
    standing = [Socket(ESTABLISHED, "127.0.0.1", 41_007, "127.0.0.1", 9000, 0, 0, 1)]
    lingering = [closed(41_000, 9000), closed(41_003, 9000), closed(9000, 52_000), closed(50_000, 443)]
    found = ports.parse(standing, lingering, {9000: "back"}, total=4)
    assert found == {9000: (3.0, 2.0, 41_000.0, 41_007.0, 8.0)}


def test_a_few_ports_that_lie_apart_do_not_widen_the_range_of_the_others() -> None:
    lingering = [closed(port, 9000) for port in (45_888, *range(51_000, 51_137), 58_001)]
    ((_, _, low, high, within),) = ports.parse([], lingering, {9000: "back"}, total=139).values()
    assert (low, high) == (45_888.0, 58_001.0)
    assert within == 126.0  # nine tenths of 139


def test_of_very_many_a_sample_is_scaled() -> None:
    lingering = [closed(30_000 + each, 9000) for each in range(ports.SAMPLE)]
    ((taken, lingers, low, high, _),) = ports.parse([], lingering, {9000: "back"}, total=26_000).values()
    assert (taken, lingers) == (26_000.0, 26_000.0)
    assert (low, high) == (30_000.0, 30_000.0 + ports.SAMPLE - 1)


def test_each_network_namespace_has_ports_of_its_own() -> None:
    """A destination is as near to its end as the caller that has fewest left; nobody else's count."""
    here: ports.View = {9000: (300.0, 200.0, 41_000.0, 41_900.0, 800.0, 28_232.0), 80: (5.0, 0.0, 1.0, 9.0, 9.0, None)}
    there: ports.View = {
        9000: (200.0, 10.0, 32_768.0, 33_000.0, 200.0, 1_000.0),
        443: (1.0, 1.0, 7.0, 7.0, 1.0, 28_232.0),
    }
    assert ports.fullest([here, there]) == {80: here[80], 443: there[443], 9000: there[9000]}


def test_the_kernels_own_texts() -> None:
    assert _proc_text.span("32768\t60999\n") == 28_232.0
    assert _proc_text.span("") is None
    assert _proc_text.time_wait("sockets: used 1\nTCP: inuse 5 orphan 0 tw 321 alloc 9 mem 1\n") == 321
    assert _proc_text.time_wait("") == 0
