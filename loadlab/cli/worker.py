"""`loadlab worker`: lends this machine to the load of a run on another one."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Annotated

import typer

from loadlab.cli import _terminal
from loadlab.cli._interrupt import interruptible
from loadlab.errors import Interrupted, LoadError, UsageError

AGAIN_S = 1.0

Master = Annotated[
    str, typer.Option(metavar="HOST[:PORT]", help="Where `loadlab run --workers` listens.", show_default=False)
]
Locustfile = Annotated[
    Path | None, typer.Option(help="This machine's copy of the run's locustfile.", show_default=False)
]
Processes = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Workers to be, one for each core to lend.")]
Name = Annotated[str | None, typer.Option(help="What it is called there; default: this host's.", show_default=False)]
Once = Annotated[bool, typer.Option("--once", help="End after one run, or where none waits within 30 s.")]


def worker(
    master: Master,
    locustfile: Locustfile = None,
    processes: Processes = 1,
    name: Name = None,
    once: Once = False,
) -> None:
    """Lend this machine's cores to the load of a run on another machine.

    loadlab worker --master 10.0.0.1
    loadlab worker --master 10.0.0.1 --processes 4 --locustfile users.py
    loadlab worker --master 10.0.0.1:5557 --once

    On the other machine: loadlab run --url http://10.0.0.9 --workers 4
    --bind 10.0.0.1. A locustfile has to lie on both machines: it is never sent.
    Serves one run after the other until Ctrl-C.

    Exit codes: 0 the run is over (--once), 2 a bad option, 4 it could not join,
    130 interrupted.
    """
    if locustfile is not None and not locustfile.is_file():
        raise UsageError(f"--locustfile {locustfile}: there is no such file")
    called = name or socket.gethostname()
    names = [called if processes == 1 else f"{called} ({index + 1} of {processes})" for index in range(processes)]
    failed: list[LoadError] = []
    lanes = [
        threading.Thread(target=_lane, args=(each, master, locustfile, once, failed), daemon=True) for each in names
    ]
    try:
        with interruptible(_note):
            for lane in lanes:
                lane.start()
            for lane in lanes:
                while lane.is_alive():
                    lane.join(0.2)  # in steps, so that Ctrl-C is heard
    except KeyboardInterrupt:
        raise Interrupted("this worker ends; a run it had a part in goes on without it") from None
    if failed:
        raise failed[0]


def _note(text: str) -> None:
    _terminal.say(text, _terminal.err())


def _lane(name: str, master: str, locustfile: Path | None, once: bool, failed: list[LoadError]) -> None:
    from loadlab.clock import SYSTEM
    from loadlab.load import worker as load

    while True:
        try:
            load.serve(master, name, locustfile, _note, wait_s=30.0 if once else None)
        except LoadError as error:
            if once:
                failed.append(error)
            else:
                _note(f"{name}: {error}")
        if once:
            return
        SYSTEM.sleep(AGAIN_S)
