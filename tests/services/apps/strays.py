"""A program that leaves strays behind: a worker of its own session, and a daemon that hid its environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time

SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]

worker = subprocess.Popen(SLEEP)
hidden = subprocess.Popen(SLEEP, env={})
between = os.fork()
if between == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execv(sys.executable, SLEEP)
os.waitpid(between, 0)
print(f"strays {worker.pid} {hidden.pid}", flush=True)
time.sleep(600)
