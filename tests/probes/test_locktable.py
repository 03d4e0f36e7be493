"""The kernel's table of locks on files, as captured, and a real line of waiters."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from loadlab.probes._locktable import Lock, LockTable, parse

CAPTURED = """\
1: FLOCK  ADVISORY  WRITE 27216 fe:00:2146373 0 EOF
1: -> FLOCK  ADVISORY  WRITE 27322 fe:00:2146373 0 EOF
1:  -> FLOCK  ADVISORY  WRITE 27332 fe:00:2146373 0 EOF
2: POSIX  ADVISORY  READ 28010 fe:00:2146883 128 128
3: POSIX  ADVISORY  READ 28010 fe:00:2146845 1073741826 1073742335
4: POSIX  ADVISORY  WRITE 28010 fe:00:2146845 1073741825 1073741825
5: OFDLCK ADVISORY  WRITE -1 00:2a:77 0 0
6: LEASE  ACTIVE    READ 311 fe:00:99 0 EOF
"""


def test_holders_and_waiters_of_every_sort_of_lock() -> None:
    assert list(parse(CAPTURED)) == [
        Lock(False, True, 27216, ("fe:00", 2146373), 0),
        Lock(True, True, 27322, ("fe:00", 2146373), 0),
        Lock(True, True, 27332, ("fe:00", 2146373), 0),
        Lock(False, False, 28010, ("fe:00", 2146883), 128),
        Lock(False, False, 28010, ("fe:00", 2146845), 1073741826),
        Lock(False, True, 28010, ("fe:00", 2146845), 1073741825),
        Lock(False, True, -1, ("00:2a", 77), 0),
    ]


@pytest.mark.parametrize(
    "text", ["", "1:", "1: ->", "1: POSIX ADVISORY WRITE x y z 0 EOF", "\n\n", "1: FLOCK ADVISORY"]
)
def test_what_is_not_understood_is_left_out(text: str) -> None:
    assert list(parse(text)) == []


def test_a_lock_that_is_held_taken_again_and_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "number"
    table, me = LockTable(), os.getpid()
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        program = "import fcntl,sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX)"
        with subprocess.Popen([sys.executable, "-c", program, str(path)]) as waiter:
            while (waiter.pid, str(path)) not in table.files and waiter.poll() is None:
                table.look([me, waiter.pid], table.text())
            table.look([me, waiter.pid], table.text())
            assert table.files[waiter.pid, str(path)].waited >= 2
            fcntl.flock(file, fcntl.LOCK_UN)
    mine = table.files[me, str(path)]
    assert mine.held == table.looks and mine.taken == 1 and not mine.sqlite
    table.look([me], table.text())
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        table.look([me], table.text())
    assert (mine.held, mine.taken) == (table.looks - 1, 2)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_sqlites_lock_for_writing_is_known_by_its_bytes(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "books.db"
    table, me = LockTable(), os.getpid()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA journal_mode={mode}")
    db.execute("CREATE TABLE t (x)")
    db.execute("BEGIN")
    db.execute("SELECT * FROM t").fetchall()
    table.look([me], table.text())
    assert (me, str(path)) not in table.files, "one that reads lets others write"
    db.execute("INSERT INTO t VALUES (1)")
    table.look([me], table.text())
    db.execute("COMMIT")
    table.look([me], table.text())
    db.close()
    found = table.files[me, str(path)]
    assert (found.held, found.taken, found.sqlite) == (1, 1, True)
