"""Who is at the other end of a socket that lives for one question only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loadlab.probes import _peers
from loadlab.probes._sockets import ESTABLISHED, LISTEN, Socket
from loadlab.services import Target

UDP = b"""   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
 1025: 0100007F:9C40 4D00007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 41235 2 0 0
 1026: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41236 2 0 0
"""
UDP6 = UDP.replace(b"4D00007F:0035", b"00000000000000000000000001000000:0035")


@pytest.mark.skipif(sys.byteorder != "little", reason="recorded where the low byte comes first")
@pytest.mark.parametrize(
    ("table", "inode", "found"),
    [(UDP, 41235, "127.0.0.77:53"), (UDP6, 41235, "::1:53"), (UDP, 41236, ""), (UDP, 4123, ""), (b"", 41235, "")],
    ids=["a resolver's", "IPv6", "not connected", "another", "not there"],
)
def test_the_far_end_of_a_datagram_socket(table: bytes, inode: int, found: str) -> None:
    assert _peers.far_end_of(table, inode) == found


class Nobody:
    """No service runs."""

    def now(self) -> tuple[Target, ...]:
        return ()


@pytest.mark.skipif(sys.byteorder != "little", reason="recorded where the low byte comes first")
def test_the_tables_of_udp_are_read_once_for_a_socket_that_is_in_none(tmp_path: Path) -> None:
    """A Unix socket's, at which threads stand all the time."""
    (tmp_path / "7/fd").mkdir(parents=True)
    (tmp_path / "7/net").mkdir()
    (tmp_path / "7/fd/3").symlink_to("socket:[41235]")
    table = tmp_path / "7/net/udp"
    table.write_bytes(b"")
    peers = _peers.Peers(Nobody(), tmp_path)
    assert peers.of(7, 3) == "socket"
    table.write_bytes(UDP)
    peers.refresh(10.0, [])
    assert peers.of(7, 3) == "socket"
    assert _peers.Peers(Nobody(), tmp_path).of(7, 3) == "127.0.0.77:53"


def test_a_connection_that_came_in_at_a_further_port_is_a_callers() -> None:
    peers = _peers.Peers(Nobody())
    listens = Socket(LISTEN, "127.0.0.1", 9100, "0.0.0.0", 0, 0, 5, 1)
    came = Socket(ESTABLISHED, "127.0.0.1", 9100, "127.0.0.1", 40001, 0, 0, 2)
    went = Socket(ESTABLISHED, "127.0.0.1", 40001, "127.0.0.1", 9100, 0, 0, 3)
    peers.refresh(0.0, [listens, came, went])
    assert (peers.named(came), peers.named(went)) == ("caller", "127.0.0.1:9100")
