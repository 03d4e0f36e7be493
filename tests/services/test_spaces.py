"""Addresses of network namespaces, and what is said to the kernel of them. What the kernel makes of it is in
test_spaces_real."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from loadlab.errors import LimitUnavailable
from loadlab.services import Network, _netlink, _spaces, _translation
from loadlab.services._plans import plan_all
from tests.services.conftest import names_of, spec_of


def chances(*numbers: int) -> Callable[[int], int]:
    left = iter(numbers)
    return lambda count: next(left) % count


def test_two_runs_never_have_the_same_network() -> None:
    one = _spaces.draw(chances(13, 5))
    try:
        assert one == "127.77.5"
        other = _spaces.draw(chances(13, 5, 63, 255))
        assert other == "127.127.255"
    finally:
        for each in list(_spaces._held):
            _spaces.hand_over(_spaces.place(each, 0))
    assert _spaces.draw(chances(13, 5)) == "127.77.5"
    _spaces.hand_over(_spaces.place("127.77.5", 7))
    assert _spaces._held == {}


def test_where_all_networks_are_taken_there_is_an_end_of_trying() -> None:
    _spaces.draw(chances(0, 0))
    try:
        with pytest.raises(LimitUnavailable, match=r"no network below 127\.64\.0\.0 was free in 100 tries"):
            _spaces.draw(lambda _: 0)
    finally:
        _spaces.hand_over(_spaces.place("127.64.0", 0))


def test_instances_are_numbered_behind_this_machine() -> None:
    assert _spaces.place("127.77.5", 0) == Network("127.77.5.2", "127.77.5.1")
    last = _spaces.place("127.127.255", _spaces.MOST - 1)
    assert last == Network("127.127.255.251", "127.127.255.1")
    assert _spaces.interface(last) == "ll127-255-251" and len(_spaces.interface(last)) <= 15


def test_a_plan_says_where_each_instance_is() -> None:
    app = {"name": "app", "command": ["run", "{port}"], "instances": 2, "limits": {"network": "own"}}
    lb = {"name": "lb", "uses": "nginx", "with": {"upstream": "app"}}
    spec = spec_of(app, lb)
    plans = plan_all(spec, Path("/r"), names_of(spec, draw_network=lambda: "127.77.5"))
    assert [each.host for each in plans[0].processes] == ["127.77.5.2", "127.77.5.3"]
    assert plans[0].url == "http://127.77.5.2:7001"
    balancer = plans[1].processes[0]
    assert balancer.host == "127.0.0.1" and balancer.network is None
    assert "server 127.77.5.2:7001;" in balancer.files["nginx.conf"]
    assert "server 127.77.5.3:7002;" in balancer.files["nginx.conf"]


def test_a_balancer_with_a_network_of_its_own_reaches_servers_of_this_machine() -> None:
    app = {"name": "app", "command": ["run", "{port}"]}
    own = {"network": "own"}
    spec = spec_of(
        app,
        {"name": "a", "uses": "nginx", "with": {"upstream": "app"}, "limits": own},
        {"name": "b", "uses": "haproxy", "with": {"upstream": "app"}, "limits": own},
    )
    plans = plan_all(spec, Path("/r"), names_of(spec, draw_network=lambda: "127.77.5"))
    nginx, haproxy = plans[1].processes[0], plans[2].processes[0]
    assert "server 127.77.5.1:7001;" in nginx.files["nginx.conf"]
    assert f"listen 127.0.0.1:{nginx.ports[0]};" in nginx.files["nginx.conf"]
    assert nginx.status["status_url"].startswith("http://127.77.5.2:")
    assert " 127.77.5.1:7001 weight" in haproxy.files["haproxy.cfg"]


def test_attributes_are_padded_and_nested() -> None:
    assert _netlink.attribute(3, "lo") == struct.pack("=HH", 7, 3) + b"lo\0\0"
    inner = _netlink.attribute(1, 7)
    assert inner == struct.pack("=HHI", 8, 1, 7)
    assert _netlink.attribute(18, [(1, 7), (1, 7)]) == struct.pack("=HH", 20, 18) + 2 * inner
    with pytest.raises(TypeError):
        _netlink.attribute(1, 0.5)


def test_the_kernels_no_has_a_number() -> None:
    def answer(code: int) -> bytes:
        return _netlink.HEADER.pack(36, _netlink.ERROR, 0, 1, 0) + struct.pack("=i", code) + bytes(16)

    assert _netlink.refused(answer(0)) == 0
    assert _netlink.refused(answer(-errno.EPERM)) == errno.EPERM


def test_no_jump_of_the_translation_leaves_it() -> None:
    """Each instruction has 8 bytes; a jump counts from the next one, and the last one ends the program."""
    code = _translation.assemble(("127.0.0.1", "127.77.5.1"), ("127.77.5.2", "127.0.0.1"))
    steps = [struct.unpack_from("=BBhi", code, at) for at in range(0, len(code), 8)]
    jumps = [
        (at, skip) for at, (what, _, skip, _) in enumerate(steps) if what in (_translation.UNLESS, _translation.IF)
    ]
    assert len(jumps) == 9 and all(0 < at + 1 + skip <= len(steps) - 2 for at, skip in jumps)
    assert [each[0] for each in steps].index(_translation.EXIT) == len(steps) - 1


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EPERM, "Operation not permitted; run loadlab as root"),
        (errno.EOPNOTSUPP, "the kernel lacks it; load its module"),
        (errno.ENOSPC, "No space left on device; or leave"),
    ],
)
def test_what_cannot_be_had_says_why_and_the_way_out(number: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(_spaces, "_call", refuse)
    with pytest.raises(LimitUnavailable) as raised:
        _spaces.make("app-0", _spaces.place("127.77.5", 0))
    text = str(raised.value)
    assert text.startswith('app-0: limits.network = "own": a network namespace cannot be made: ')
    assert says in text and text.endswith('or leave limits.network out (default: "shared")')
    works, why = _spaces.available()
    assert not works and why.startswith("a network namespace cannot be made") and _spaces._held == {}
