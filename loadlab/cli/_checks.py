"""Can this machine measure? Each check tries the thing itself, and names the command that mends it."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from loadlab.errors import LoadlabError

OK, WARNING, MISSING = "ok", "warning", "missing"
"""missing: no run is possible; warning: a run is possible, some of its answers will be `unknown`."""

FILES_WANTED = 4096
"""Each user holds a connection at both ends; 1024, a common soft limit, is used up at about 500 users."""
FREE_WANTED_BYTES = 200_000_000
"""An hour of twenty processes takes about 50 MB."""
SO_TIMESTAMPING = 37
RX_SOFTWARE, SOFTWARE = 1 << 3, 1 << 4


@dataclass(frozen=True)
class Check:
    """What was looked at, how it stands, and the command that mends it ("" where nothing has to be)."""

    name: str
    state: str
    says: str
    mend: str = ""


def python() -> Check:
    """The interpreter, and what is installed for it."""
    absent = [each for each in ("locust", "py-spy", "psutil", "numpy", "hdrhistogram") if not _installed(each)]
    version = ".".join(map(str, sys.version_info[:3]))
    if absent:
        return Check(
            "python", MISSING, f"{', '.join(absent)} not installed", f"{sys.executable} -m pip install loadlab"
        )
    return Check("python", OK, f"{version}, locust {metadata.version('locust')}")


def system() -> Check:
    """Everything is watched through /proc and the kernel's own interfaces: Linux only."""
    if sys.platform != "linux":
        return Check("system", MISSING, f"{sys.platform}: loadlab watches through Linux' /proc", "run it on Linux")
    return Check("system", OK, f"Linux {os.uname().release}")


def cores() -> Check:
    """The generator needs one of its own, or it competes with what it measures."""
    count = len(os.sched_getaffinity(0))
    if count < 2:
        return Check("cores", WARNING, "1: the generator takes from what it measures", "use a machine with 2 or more")
    return Check("cores", OK, str(count))


def proc(root: Path = Path("/proc")) -> Check:
    """What the probes read of each process."""
    own = root / "self"
    if not _readable(own / "stat"):
        return Check("/proc", MISSING, f"{own}/stat cannot be read", "mount -t proc proc /proc")
    hidden = [each for each in ("schedstat", "wchan", "syscall", "status") if not _readable(own / each)]
    if hidden:
        says = f"{', '.join(hidden)} cannot be read: what threads wait for will be unknown"
        return Check("/proc", WARNING, says, "run as root, or in a container with --cap-add SYS_PTRACE")
    return Check("/proc", OK, "processes, threads and their waits can be read")


def ptrace() -> Check:
    """py-spy reads stacks of other processes."""
    from loadlab.probes import _pyspy

    works, says = _pyspy.check_ptrace()
    if works:
        return Check("stacks (ptrace)", OK, says)
    mend = "sudo sysctl kernel.yama.ptrace_scope=0   (in a container: --cap-add SYS_PTRACE)"
    return Check("stacks (ptrace)", WARNING, f"{says}; no function or line will be named", mend)


def compiled() -> Check:
    """Functions and lines of compiled programs, from the kernel's profiler."""
    from loadlab.probes import _native

    works, says, mend = _native.check()
    return Check("stacks (compiled)", OK if works else WARNING, says, mend)


def sockets() -> Check:
    """Queues and states of connections, through netlink."""
    from loadlab.probes import _sockets

    try:
        count = len(_sockets.dump())
    except (OSError, ValueError) as error:
        return Check(
            "sockets",
            WARNING,
            f"netlink sock_diag: {error}; queues will be unknown",
            "sudo modprobe inet_diag tcp_diag",
        )
    return Check("sockets", OK, f"netlink sock_diag, {count} TCP sockets now")


def timestamps() -> Check:
    """When a response arrived, as the kernel saw it: independent of how busy the generator is."""
    try:
        stamped = _is_stamped()
    except OSError as error:
        return Check("timestamps", WARNING, f"SO_TIMESTAMPING: {error}", "use a kernel that has it, 2.6.30 or newer")
    if not stamped:
        return Check("timestamps", WARNING, "the kernel stamps no loopback packet: arrival is when it was read", "")
    return Check("timestamps", OK, "arrival of responses comes from the kernel")


def pressure(root: Path = Path("/proc/pressure")) -> Check:
    """PSI: how long work waited for CPU, memory, disk."""
    if not all(_readable(root / each) for each in ("cpu", "memory", "io")):
        mend = "boot with psi=1   (kernel 4.20 or newer)"
        return Check("pressure (PSI)", WARNING, "not there: neighbours are seen through run delays alone", mend)
    return Check("pressure (PSI)", OK, "cpu, memory, io")


def open_files(limits: tuple[int, int] | None = None) -> Check:
    """Of this shell; services inherit it."""
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES_WANTED:
        enough = hard == resource.RLIM_INFINITY or hard >= FILES_WANTED
        mend = (
            f"ulimit -n {FILES_WANTED}" if enough else f"sudo prlimit --pid $$ --nofile={FILES_WANTED}:{FILES_WANTED}"
        )
        return Check("open files", WARNING, f"{soft} at most: enough for about {soft // 2} users", mend)
    return Check("open files", OK, "no limit" if soft == resource.RLIM_INFINITY else f"{soft} at most")


def limits() -> Iterator[Check]:
    """Whether `limits` of a loadlab.toml can be enforced."""
    from loadlab.services import _limits

    for name, (works, says) in _limits.limits_available().items():
        what, _, mend = says.partition("; ")
        yield Check(f"limits.{name}", OK, says) if works else Check(f"limits.{name}", WARNING, what, mend)


def network() -> Check:
    """Whether instances can have network namespaces of their own, tried with two of them."""
    from loadlab.services import _spaces

    works, says = _spaces.available()
    what, _, mend = says.partition("; ")
    return Check("limits.network", OK, says) if works else Check("limits.network", WARNING, what, mend)


def servers() -> Iterator[Check]:
    """The servers loadlab can start."""
    from loadlab.services import _resolver

    for name in _resolver.KINDS:
        try:
            found = _resolver.find(name)
        except LoadlabError as error:
            yield Check(name, WARNING, str(error).split("; install", maxsplit=1)[0], _resolver.KINDS[name].ways)
        else:
            yield Check(name, OK, f"{found.version} at {found.path}")


def node() -> Check:
    """Only for services of the user's that are written for it."""
    path = shutil.which("node")
    return Check("node", OK, path) if path else Check("node", OK, "not on PATH (only needed for Node services)")


def disk(folder: Path = Path()) -> Check:
    """Where recordings go."""
    if not os.access(folder, os.W_OK):
        return Check("disk", WARNING, f"{folder.absolute()} cannot be written", "loadlab run --runs DIR")
    free = shutil.disk_usage(folder).free
    if free < FREE_WANTED_BYTES:
        return Check("disk", WARNING, f"{free / 1e6:.0f} MB free: a long run may not fit", "loadlab run --runs DIR")
    return Check("disk", OK, f"{free / 1e9:.1f} GB free here")


def bundle() -> Check:
    """The report's JavaScript, built when loadlab was installed."""
    import loadlab

    folder = Path(loadlab.__file__).parent / "report" / "_js"
    if any(folder.glob("*.js")):
        return Check("report", OK, "its charts are there")
    return Check(
        "report", WARNING, "installed without its charts", f"{sys.executable} -m pip install --force-reinstall loadlab"
    )


CHECKS: tuple[Callable[[], Check | Iterator[Check]], ...] = (
    system, python, cores, proc, ptrace, compiled, sockets, timestamps, pressure, open_files, limits, network, servers,
    node, disk, bundle,
)  # fmt: skip


def look() -> Iterator[Check]:
    """All of them. One that fails unexpectedly is a warning of its own."""
    for check in CHECKS:
        try:
            found = check()
            yield from (found,) if isinstance(found, Check) else found
        except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
            name = getattr(check, "__name__", "check")
            yield Check(name, WARNING, f"could not be looked at: {type(error).__name__}: {error}")


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def _is_stamped() -> bool:
    """Sends a byte over loopback and looks whether its arrival carries a time. Raises OSError."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.settimeout(1.0)
        client.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE)
        client.connect(server.getsockname())
        peer, _ = server.accept()
        with peer:
            peer.sendall(b".")
            _, ancillary, _, _ = client.recvmsg(1, socket.CMSG_SPACE(struct.calcsize("=qqqqqq")))
    return any(level == socket.SOL_SOCKET for level, _, _ in ancillary)
