"""Small programs whose one thread does one thing, for the probes to look at."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field

from loadlab.services import Target

SAY = "import asyncio, socket, sys, time\n"
IDLE_LOOP = SAY + "print(0, flush=True)\nasyncio.run(asyncio.sleep(60))"
BUSY = SAY + "print(0, flush=True)\nwhile True: pass"
# Sleeps inside a coroutine and never accepts: what waits in its accept queue stays there.
ASLEEP = (
    SAY
    + """
async def handle():
    while True:
        time.sleep(0.2)
with socket.create_server(("127.0.0.1", 0), backlog=7) as server:
    print(server.getsockname()[1], flush=True)
    asyncio.run(handle())
"""
)
# Takes every connection and answers none.
ACCEPTS = (
    SAY
    + """
kept = []
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        kept.append(server.accept())
"""
)
# Asks, and waits for an answer that never comes.
ASKS = (
    SAY
    + """
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(b"x")
    print(connection.getsockname()[1], flush=True)
    try:
        connection.recv(1)
    except ConnectionResetError:
        pass
"""
)
# Keeps a file locked; stands in line for it.
HOLDS = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print(0, flush=True)
time.sleep(60)
"""
IN_LINE = HOLDS.replace("fcntl.flock(", "print(0, flush=True)\nfcntl.flock(")
# Writes to a database and does not commit; would like to write to it.
WRITES = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print(0, flush=True)
time.sleep(60)
"""
WOULD_WRITE = WRITES.replace("db.execute", "print(0, flush=True)\ndb.execute")


@dataclass
class Children:
    """Running programs by name, as targets. Close it: they never end by themselves."""

    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)

    def start(self, name: str, program: str, *arguments: str, serves: bool = False) -> int:
        """Start one; the number it says, its port where it has one, once it is at work."""
        process = subprocess.Popen([sys.executable, "-I", "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
        self.processes[name] = process
        assert process.stdout is not None
        self.ports[name] = int(process.stdout.readline())
        ports = (self.ports[name],) if serves else ()
        self.targets.append(Target(name, 0, process.pid, ports=ports))
        return self.ports[name]

    def now(self) -> tuple[Target, ...]:
        """As loadlab.services.Targets."""
        return tuple(self.targets)

    def __hash__(self) -> int:
        return id(self)

    def close(self) -> None:
        """End them all."""
        for process in self.processes.values():
            process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
