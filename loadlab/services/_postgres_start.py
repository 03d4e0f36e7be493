"""What a PostgreSQL server is before it is one: `python -I -S _postgres_start.py start.json` makes its data folder,
then becomes the server, so that the process that was started is the process that serves.

A primary: initdb, then the owner, the database and the user's SQL, through a server on another port that nobody else
knows. A replica: a copy of the primary, once that one answers. Imports nothing of loadlab. What goes wrong is printed,
with the last words of the program it went wrong in.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

LAST_LINES = 12
PATIENCE_S = 60
"""For a primary to answer, whose SQL may take a while."""
FAILED = 3
ASK_AGAIN_S = 0.05
QUICKLY = ("-c", "fsync=off", "-c", "autovacuum=off")
"""While the data are made nobody measures, and a crash would only mean to make them again."""


class Failed(Exception):
    """What to print."""


class Starter:
    """One start, as ordered by start.json."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.folder = Path(order["folder"])
        self.data = self.folder / "data"
        self.log = self.folder / "init.log"
        self.config = f"--config-file={self.folder / 'postgresql.conf'}"

    def program(self, name: str) -> str:
        """A program of the same installation."""
        return str(Path(self.order["programs"]) / name)

    def prepare(self) -> None:
        """Data, unless there are some: a server that was started again goes on with them."""
        os.environ["PGPASSFILE"] = self.order["passfile"]
        if (self.data / "PG_VERSION").exists():
            return
        if self.order["primary_port"] is None:
            self.create()
            self.fill()
        else:
            self.copy()

    def create(self) -> None:
        """A new cluster, its superuser's password known to the owner of this folder only."""
        password = secrets.token_hex(16)
        superuser = self.order["superuser"]
        self.secret("password", password)
        self.secret("pgpass", f"*:*:*:{superuser}:{password}\n")
        names = ["-D", str(self.data), "-U", superuser, "--pwfile", str(self.folder / "password")]
        self.run("initdb", *names, "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256")

    def secret(self, name: str, text: str) -> None:
        """A file that only its owner may read, from its first byte on."""
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def fill(self) -> None:
        """The owner's database with what the user's SQL makes of it, ready for the planner."""
        port, owner, superuser = str(self.order["init_port"]), self.order["owner"], self.order["superuser"]
        argv = [self.program("postgres"), "-D", str(self.data), self.config, "-c", f"port={port}", *QUICKLY]
        with self.log.open("ab") as log:
            server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait_for(port, server)
            made = (f"CREATE ROLE {owner} LOGIN", f"CREATE DATABASE {owner} OWNER {owner}")
            self.sql(port, superuser, "postgres", *made)
            self.sql(port, superuser, owner, "CREATE EXTENSION pg_stat_statements")
            for script in self.order["scripts"]:
                variables = [f"--set={key}={value}" for key, value in self.order["variables"].items()]
                self.run("psql", *self.reach(port, owner, owner), *variables, "-f", script)
            # Now, not a minute later, when autovacuum would: plans must not change while they are measured.
            self.sql(port, superuser, owner, "VACUUM ANALYZE", "SELECT pg_stat_statements_reset()", "CHECKPOINT")
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()

    def copy(self) -> None:
        """A streaming replica of the primary."""
        host, port = str(self.order["primary_host"]), str(self.order["primary_port"])
        self.wait_for(port, host=host)
        where = ["-h", host, "-p", port, "-U", self.order["superuser"], "-w", "-D", str(self.data)]
        self.run("pg_basebackup", *where, "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def wait_for(self, port: str, server: subprocess.Popen[bytes] | None = None, host: str = "127.0.0.1") -> None:
        """Until a server answers."""
        ask = [self.program("pg_isready"), "-q", "-h", host, "-p", port, "-t", "1"]
        for _ in range(round(PATIENCE_S / ASK_AGAIN_S)):
            if subprocess.run(ask, stdin=subprocess.DEVNULL, check=False).returncode == 0:
                return
            if server is not None and server.poll() is not None:
                raise Failed(f"PostgreSQL does not start:\n{self.last_words()}")
            select.select([], [], [], ASK_AGAIN_S)
        raise Failed(f"nobody answered on port {port} for {PATIENCE_S} s\n{self.last_words()}")

    def sql(self, port: str, user: str, database: str, *statements: str) -> None:
        """Each statement in a transaction of its own."""
        commands = [word for each in statements for word in ("-c", each)]
        self.run("psql", *self.reach(port, user, database), *commands)

    def reach(self, port: str, user: str, database: str) -> list[str]:
        """Arguments of psql: no start-up file, the first error ends it."""
        where = ["-h", "127.0.0.1", "-p", port, "-U", user, "-d", database, "-w"]
        return [*where, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull]

    def run(self, name: str, *arguments: str) -> None:
        """One program to its end. Raises Failed with its last lines."""
        at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            argv = [self.program(name), *arguments]
            code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode
        if code != 0:
            raise Failed(f"{name} ended with exit code {code}:\n{self.last_words(at)}")

    def last_words(self, start: int = 0) -> str:
        """The end of what was printed since then."""
        text = self.log.read_bytes()[start:].decode("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-LAST_LINES:])

    def become(self) -> None:
        """The server, in this process."""
        program = self.program("postgres")
        os.environ.pop("PGPASSFILE", None)
        os.execv(program, [program, "-D", str(self.data), self.config])  # noqa: S606 - no shell is the point


def main() -> int:
    """Becomes the server, or says why not."""
    signal.signal(signal.SIGQUIT, lambda *_: os._exit(FAILED))  # else it would leave a core
    try:
        starter = Starter(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
        starter.prepare()
        starter.become()
    except (Failed, OSError) as error:
        os.write(2, f"{error}\n".encode())
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
