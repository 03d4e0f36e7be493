"""Network namespaces: `limits.network = "own"`. Each instance gets a loopback, source ports and an address of its own.

A namespace has no name and no file: a descriptor of loadlab's and the instance's processes keep it, and with the last
of them it ends, with the pair of interfaces that joins it to this machine. So nothing is left after `kill -9` either.

    this machine               ll77-5-2 ==== eth0        the namespace of instance 127.77.5.2
    127.0.0.1:6379  <-------- 127.77.5.1:6379            {redis.url}
    127.77.5.2:8000 --------------------> 127.0.0.1:8000 where its program listens

All addresses are of 127.0.0.0/8, which is on no network (RFC 1122) and which no other interface lets in: one /24 a run,
.1 for this machine. `_translation` renames them at the namespace's eth0, so programs listen on 127.0.0.1 as ever.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from loadlab.errors import LimitUnavailable
from loadlab.services import Network, Space, _netlink, _translation

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
FIRST, LAST = 64, 127
"""127.64.0.0/10: what is known to be used of 127.0.0.0/8 lies below (resolvers at 127.0.0.53, hosts at 127.0.1.1)."""
TRIES = 100
HOME = 1
"""The last number of this machine's address; instances count from the next."""
MOST = 250
NEW_NET = 0x40000000
INNER = "eth0"
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
OWN_NAMESPACE = "/proc/thread-self/ns/net"
BURST_S, LEAST_BURST = 0.01, 16_384
"""What may leave at once where a bandwidth is given: as much as goes in a tick of the kernel's clock (HZ=100)."""
QUEUE_S, LEAST_QUEUE = 0.1, 65_536
"""What may wait: a tenth of a second, as in a router of moderate buffers; more is dropped, and TCP slows down."""
ANSWERS_WITHIN_S = 2.0
CHANCE = random.SystemRandom().randrange
WAY_OUT = 'or leave limits.network out (default: "shared")'

_held: dict[str, socket.socket] = {}
"""By network: a socket whose name no other loadlab on this machine can have meanwhile."""


def draw(chance: Callable[[int], int] = CHANCE) -> str:
    """The first three numbers of a network that no other run uses, held until `hand_over`. Raises LimitUnavailable."""
    for _ in range(TRIES):
        prefix = f"127.{FIRST + chance(LAST - FIRST + 1)}.{chance(256)}"
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0loadlab-network-{prefix}")
        except OSError:
            holder.close()
            continue
        _held[prefix] = holder
        return prefix
    raise LimitUnavailable(f"no network below 127.{FIRST}.0.0 was free in {TRIES} tries")


def hand_over(of: Network) -> None:
    """Another run may have this one's network. Nothing happens for one that is not held."""
    holder = _held.pop(of.home.rpartition(".")[0], None)
    if holder is not None:
        holder.close()


def place(prefix: str, number: int) -> Network:
    """The addresses of the run's instance of this number, counted from 0."""
    return Network(f"{prefix}.{HOME + 1 + number}", f"{prefix}.{HOME}")


def make(name: str, wanted: Network, bits: int | None = None) -> Space:
    """A namespace for one instance. name: "app-0". bits: a second, each way. Raises LimitUnavailable."""
    step = "a network namespace cannot be made"
    descriptor = -1
    try:
        descriptor = _in_thread(_new)
        step = "no pair of interfaces can be made (veth)"
        outer = interface(wanted)
        _, _, middle, last = socket.inet_aton(wanted.address)
        mac = bytes((2, 0, 127, socket.inet_aton(wanted.address)[1], middle, last))
        _netlink.make_pair(outer, INNER, mac, descriptor)
        index = socket.if_nametoindex(outer)
        _start(index, _netlink.ROUTE_LOCALNET, _netlink.FORWARDING)
        step = "its addresses cannot be translated (sch_ingress, cls_bpf)"
        _in_thread(lambda: _inside(wanted), descriptor)
        step = "no route to it can be set"
        _netlink.route(index, wanted.address, 32, LOOPBACK)
        if bits is not None:
            step = f"its bandwidth cannot be limited to {bits} bits a second (sch_tbf)"
            _slow(index, bits)
            _in_thread(lambda: _slow(socket.if_nametoindex(INNER), bits), descriptor)
        return Space(descriptor, wanted.address, wanted.home, _in_thread(_port_range, descriptor))
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise LimitUnavailable(f'{name}: limits.network = "own": {step}: {_why(error)}; {WAY_OUT}') from error


def interface(wanted: Network) -> str:
    """What this machine's end is called: short enough for the kernel, and the address can be read from it."""
    return f"ll{'-'.join(wanted.address.split('.')[1:])}"


def socket_in(descriptor: int, family: int, kind: int, protocol: int) -> socket.socket:
    """A socket of another network namespace, where it stays whoever uses it. Raises OSError."""

    def made() -> socket.socket:
        return socket.socket(family, kind, protocol)

    # A signal may interrupt the main thread anywhere; it must not be left behind in there.
    if threading.current_thread() is threading.main_thread():
        return _in_thread(made, descriptor)
    home = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(descriptor)
        return made()
    finally:
        enter(home)
        os.close(home)


def enter(descriptor: int) -> None:
    """The calling thread, and nobody else, is in this network namespace from now on. Raises OSError."""
    _call("setns", descriptor, NEW_NET)


def available() -> tuple[bool, str]:
    """Whether instances can have namespaces of their own, and why not; found out by making two and asking both ways."""
    spaces: list[Space] = []
    networks: list[Network] = []
    try:
        prefix = draw()
        networks += [place(prefix, each) for each in range(2)]
        for wanted in networks:
            spaces.append(make("check", wanted))  # noqa: PERF401 - where the second fails, the first is closed
        return True, _tried(*spaces)
    except LimitUnavailable as error:
        return False, str(error).removeprefix('check: limits.network = "own": ')
    except OSError as error:
        says = f"packets do not come through ({error}): a firewall?; let 127.{FIRST}.0.0/10 pass on interfaces ll*"
        return False, f"{says}, {WAY_OUT}"
    finally:
        for each in spaces:
            os.close(each.descriptor)
        for wanted in networks:
            hand_over(wanted)


def _tried(one: Space, other: Space) -> str:
    """Connections: from here to a namespace, from it to here, and from it to another. Raises OSError."""
    ways = ((one, None, one.address), (None, one, one.home), (other, one, other.address))
    for server, client, address in ways:
        with _at(server) as listening, _at(client) as asking:
            listening.bind((LOOPBACK, 0))
            listening.listen()
            asking.settimeout(ANSWERS_WITHIN_S)
            asking.connect((address, listening.getsockname()[1]))
    return f"network namespaces, at 127.{FIRST}.0.0/10"


def _at(space: Space | None) -> socket.socket:
    kind = (socket.AF_INET, socket.SOCK_STREAM, 0)
    return socket.socket(*kind) if space is None else socket_in(space.descriptor, *kind)


def _new() -> int:
    """A namespace in which nothing is but a loopback that works."""
    _call("unshare", NEW_NET)
    descriptor = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _netlink.bring_up(socket.if_nametoindex("lo"))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _inside(wanted: Network) -> None:
    """Its eth0: all of the run's network lies there, and 127.0.0.1 is called otherwise on the other side."""
    index = socket.if_nametoindex(INNER)
    _start(index, _netlink.ROUTE_LOCALNET)
    _netlink.route(index, f"{wanted.home.rpartition('.')[0]}.0", 24, LOOPBACK)
    _netlink.make_hooks(index)
    incoming = _translation.assemble((LOOPBACK, wanted.home), (wanted.address, LOOPBACK))
    leaving = _translation.assemble((LOOPBACK, wanted.address), (wanted.home, LOOPBACK))
    for where, code in ((_netlink.INGRESS, incoming), (_netlink.EGRESS, leaving)):
        program = _translation.submit(code)
        try:
            _netlink.hook(index, where, program)
        finally:
            os.close(program)


def _start(index: int, *settings: int) -> None:
    with suppress(OSError):  # a kernel without IPv6
        _netlink.without_ipv6(index)
    _netlink.bring_up(index)
    _netlink.configure(index, *settings)


def _slow(index: int, bits: int) -> None:
    rate = bits / 8
    _netlink.slow(index, bits, max(LEAST_BURST, round(rate * BURST_S)), max(LEAST_QUEUE, round(rate * QUEUE_S)))


def _port_range() -> str:
    return PORT_RANGE.read_text(encoding="ascii")


def _in_thread(work: Callable[[], T], descriptor: int | None = None) -> T:
    """Done by a thread that nobody uses afterwards: it may be left in whatever namespace it got into."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            if descriptor is not None:
                enter(descriptor)
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by who asked
            failed.append(error)

    thread = threading.Thread(target=run, name="network-namespace", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _why(error: OSError) -> str:
    said = error.strerror or str(error)
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"{said}; run loadlab as root (in a container: --privileged)"
    if error.errno in (errno.EOPNOTSUPP, errno.ENOENT, errno.EINVAL, errno.ENODEV, errno.ENOSYS):
        return f"{said}: the kernel lacks it; load its module (sudo modprobe), use another kernel"
    return said
