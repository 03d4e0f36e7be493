"""What a service is for its first 15 ms: `python -I -S _exec.py FD` makes its limits hold, then becomes the service.

Waits on FD for its order, a JSON object; should loadlab end before it was sent, nothing is started. The environment
comes with the order, whole: Python itself adds to the one it is started with (LC_CTYPE in the C locale).
Imports nothing of loadlab: 15 ms instead of 300, and it runs before the service's own limits are felt.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

PR_SET_PTRACER = 0x59616D61
ANYONE = -1
NEW_NET = 0x40000000
FAILED = 127
"""As a shell's for a program that cannot be run."""


def main() -> None:
    """The order: {"path", "argv", "env", "cgroups": [folder], "rlimits": {number: value}, "network": descriptor's path
    or "", "ptracer": bool, "report"}.

    What goes wrong is written to `report`, which closes by itself once the service runs.
    """
    text = b""
    fd = int(sys.argv[1])
    while part := os.read(fd, 65_536):
        text += part
    os.close(fd)
    if not text:
        os._exit(FAILED)
    order = json.loads(text)
    os.set_inheritable(order["report"], False)
    step = "start"
    try:
        step = "join its cgroup"
        for folder in order["cgroups"]:
            enter(folder)
        if order["network"]:
            step = "enter its network namespace"
            enter_network(order["network"])
        step = "set its limits"
        for number, value in order["rlimits"].items():
            resource.setrlimit(int(number), (value, value))
        if order["ptracer"]:
            may_be_watched()
        plain_signals()
        step = "run"
        os.execve(order["path"], order["argv"], order["env"])  # noqa: S606 - no shell is the point
    except (OSError, ValueError, MemoryError) as error:
        os.write(order["report"], f"{step}: {getattr(error, 'strerror', None) or error}".encode())
        os._exit(FAILED)


def may_be_watched() -> None:
    """py-spy is no ancestor of what it looks at; where Yama asks for that, a process may permit it itself."""
    import ctypes  # 5 ms, and few machines need it

    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYONE, 0, 0, 0)


def enter_network(path: str) -> None:
    """A descriptor of loadlab's that stands for it."""
    import ctypes  # 5 ms, and few services ask for it

    descriptor = os.open(path, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, NEW_NET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(descriptor)


def enter(folder: str) -> None:
    """0 is the process that writes."""
    with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as procs:  # noqa: PTH123 - pathlib costs 8 ms here
        procs.write("0")


def plain_signals() -> None:
    """None ignored, none blocked: Python ignores SIGPIPE and SIGXFSZ, a CI runner others (real-time ones were seen),
    and what is ignored stays so. 32 and 33 are the C library's own, which hands them to nobody."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


if __name__ == "__main__":
    main()
