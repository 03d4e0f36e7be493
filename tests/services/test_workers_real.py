from __future__ import annotations

import os
import signal
import subprocess

import pytest

from loadlab.clock import SYSTEM
from loadlab.services._workers import exit_code
from tests.services.conftest import Launcher, python, until

pytestmark = pytest.mark.real

MASTER = """
import os, signal, subprocess, time
def fork():
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            signal.pause()
    return pid
subprocess.Popen(["sh", "-c", "sleep 1; kill -9 $$"])
workers = {fork(), fork()}
print("workers", *workers, flush=True)
while True:
    pid, _ = os.wait()
    if pid in workers:
        workers = workers - {pid} | {fork()}
"""


def _told() -> bool:
    """Whether this kernel says how a process ended to others than its parent: from Linux 6.15 on."""
    child = subprocess.Popen(["true"])
    pidfd = os.pidfd_open(child.pid)
    try:
        child.wait()
        return exit_code(pidfd) == 0
    finally:
        os.close(pidfd)


def test_how_workers_end_is_written_down(launching: Launcher) -> None:
    with launching(python(MASTER, ready={"log": "workers"})) as run:
        log = run.journal.log_path("app", 0).read_text()
        killed, renewed = (int(each) for each in log.split()[1:3])
        SYSTEM.sleep(2.2)  # until they have been there for a while
        os.kill(killed, signal.SIGKILL)
        os.kill(renewed, signal.SIGTERM)
        assert until(lambda: len(run.journal.of("worker_exited")) == 2) or not _told()
    ends = {each["pid"]: (each["code"], each["signal"]) for each in run.journal.of("worker_exited")}
    # Neither the shell, which is another program, nor those that ended with the run.
    assert ends == ({killed: (None, signal.SIGKILL), renewed: (0, None)} if _told() else {})
