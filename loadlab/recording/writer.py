"""The Recorder: takes what probes, load and services have to say, from any thread, and appends it to a run's folder.

Nobody waits for the disk: what arrives goes into a bounded queue, one thread writes it and commits once a second. A
run killed at any moment keeps all but its last second. A disk that fails sets `problem`; `check` says so where the
run can be ended: what is not recorded cannot be judged.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Self, TypeVar

from loadlab.clock import Clock, local_stamp
from loadlab.errors import RecordingError
from loadlab.load import Listener, LoadInterval
from loadlab.probes import Row
from loadlab.recording import runfile
from loadlab.recording.disk import Disk
from loadlab.recording.format import LOGS, STACKS
from loadlab.recording.model import Meta, Metric
from loadlab.recording.runfile import RunFile, Stretch

Job = Callable[[Disk], None]
L = TypeVar("L", bound=Listener)

COMMIT_S = 1.0

QUEUE = 2_000
"""Ticks and intervals that may wait: more than a minute of a large system. Past it ticks are dropped and counted."""

SPARE = 200
"""Room kept for what happens once (events, intervals), which ticks may not fill."""

CLOSE_S = 15.0
"""How long close() waits for a disk that does not answer."""


class Recorder:
    """Implements probes.Sink and load.Listener. Thread-safe. Only `create` and `check` raise because of the disk."""

    def __init__(self, folder: Path, meta: Meta, clock: Clock, t0: float) -> None:
        """Use `create`. Opens every file of the folder, raises OSError or sqlite3.Error where that fails."""
        self.folder = folder
        self.t0 = t0
        self.problem: str | None = None
        """What the disk refused first, e.g. "No space left on device"; None while all is well."""
        self._clock = clock
        self._lock = threading.Lock()
        self._run = RunFile(meta)
        runfile.write(folder, self._run)
        self._disk = Disk(folder, clock.wall() - (clock.monotonic() - t0))
        self._queue: Queue[Job] = Queue(QUEUE + SPARE)
        self._dropped: Counter[str] = Counter()
        self._waiters: list[threading.Event] = []
        self._listeners: tuple[Listener, ...] = ()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    @classmethod
    def create(cls, root: Path, meta: Meta, clock: Clock, t0: float) -> Recorder:
        """A new folder `<stamp>-<name>` below `root`, with everything in it open. t0: CLOCK_MONOTONIC of the run's
        start.

        Raises RecordingError where nothing can be written there.
        """
        try:
            folder = _new_folder(root, f"{local_stamp(clock.wall())}-{_safe(meta.name)}")
            return cls(folder, meta, clock, t0)
        except (OSError, sqlite3.Error) as error:
            raise RecordingError(
                f"{root}: a recording cannot be written there ({_why(error)}); choose another with --runs"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def meta(self) -> Meta:
        """As it stands in run.json now."""
        return self._run.meta

    def now(self) -> float:
        """Seconds since the run's start."""
        return self._clock.monotonic() - self.t0

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        """Make a probe's table, before its first rows."""
        self._put(lambda disk: disk.samples.declare(probe, metrics))

    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None:
        """One good tick of a probe. Where the disk cannot follow, it is dropped and stands as a failed tick."""
        ready = tuple(rows)

        def write(disk: Disk) -> None:
            try:
                disk.samples.tick(probe, t, ready, late_ms, cost_ms)
            except (ValueError, TypeError) as error:
                disk.samples.failed(probe, t, f"not recorded: {error}", late_ms, cost_ms)

        if not self._put(write, spare=SPARE):
            with self._lock:
                self._dropped[probe] += 1

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        """One tick of a probe that raised."""
        self._put(lambda disk: disk.samples.failed(probe, t, error, late_ms, cost_ms), spare=SPARE)

    def interval(self, interval: LoadInterval) -> None:
        """What the generator did between two moments."""
        for each in self._listeners:
            each.interval(interval)
        late_ms = max(0.0, self.now() - interval.end) * 1000
        if not self._put(partial(Disk.interval, interval=interval, late_ms=late_ms)):
            with self._lock:
                self._dropped["generator"] += 1

    def event(
        self, kind: str, service: str = "", instance: int = 0, pid: int = 0, t: float | None = None, **data: Any
    ) -> None:
        """Something that happened once; `data` as model.Event describes it. t: when, default now."""
        when = self.now() if t is None else t
        self._put(lambda disk: disk.samples.event(when, kind, service, instance, pid, data))

    @contextmanager
    def heard_by(self, listener: L) -> Iterator[L]:
        """While the body runs, `listener` hears of each interval too."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

    def phase(self, name: str) -> None:
        """A phase starts; the one before it, and its level, end."""
        now = self.now()
        self._border(now)
        with self._lock:
            phases, levels = _ended(self._run.phases, now), _ended(self._run.levels, now)
            self._save(replace(self._run, phases=(*phases, Stretch(name, now)), levels=levels))

    def level(self, users: int, phase: str, start: float | None = None, rate: float = 0.0) -> None:
        """A level at a number of users, or at a rate, starts; the one before it ends. start: where not now."""
        now = self.now()
        begins = now if start is None else start
        self._border(begins)
        with self._lock:
            levels = _ended(self._run.levels, min(now, begins))
            self._save(replace(self._run, levels=(*levels, Stretch(phase, begins, None, users, rate))))

    def level_end(self) -> None:
        """The running level ends now."""
        now = self.now()
        self._border(now)
        with self._lock:
            self._save(replace(self._run, levels=_ended(self._run.levels, now)))

    def update_meta(self, **fields: Any) -> None:
        """Replace fields of Meta: what is known only once services run, such as their versions."""
        with self._lock:
            self._save(replace(self._run, meta=replace(self._run.meta, **fields)))

    def stacks(self, service: str, instance: int, pid: int, mode: str, folded: str) -> None:
        """Keep the folded stacks of one process."""
        name = f"{_safe(service)}-{instance}-{pid}.{_safe(mode)}.folded"
        self._write_text(self.folder / STACKS / name, folded)

    def check(self) -> None:
        """Raises RecordingError once the disk has refused something."""
        if self.problem is not None:
            raise RecordingError(
                f"{self.problem}; free some space or choose another disk with --runs DIR. What was recorded until then "
                f"can be read: loadlab diagnose {self.folder}"
            )

    def log_path(self, service: str, instance: int) -> Path:
        """Where an instance's output goes. Its folder exists, unless the disk refused it."""
        path = self.folder / LOGS / f"{_safe(service)}-{instance}.log"
        self._try(lambda: path.parent.mkdir(exist_ok=True))
        return path

    def flush(self, within_s: float = CLOSE_S) -> bool:
        """Wait until all that was given so far is on disk. False where the disk did not answer in time."""
        done = threading.Event()
        with self._lock:
            self._waiters.append(done)
        self._wake.set()
        return done.wait(within_s) if self._thread.is_alive() else True

    def close(self) -> None:
        """End the running phase and level, write everything, close the files. A second call does nothing."""
        with self._lock:
            if self._closing:
                return
            now = self.now()
            self._save(replace(self._run, phases=_ended(self._run.phases, now), levels=_ended(self._run.levels, now)))
            self._closing = True
        self._wake.set()
        self._thread.join(CLOSE_S)

    def _border(self, t: float) -> None:
        self._put(lambda disk: disk.border(t))

    def _put(self, job: Job, spare: int = 0) -> bool:
        """False where there is no room for it."""
        if self.problem is not None or self._closing:
            return True
        if self._queue.qsize() >= QUEUE + SPARE - spare:
            return False
        try:
            self._queue.put_nowait(job)
        except Full:
            return False
        return True

    def _save(self, run: RunFile) -> None:
        """Under the lock: the timeline as it is now."""
        if self._closing:
            return
        self._run = run
        self._try(lambda: runfile.write(self.folder, run))

    def _write_text(self, path: Path, text: str) -> None:
        def write() -> None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")

        self._try(write)

    def _try(self, action: Callable[[], None]) -> None:
        if self.problem is None:
            try:
                action()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.problem is None:
            self.problem = f"{self.folder}: recording stopped: {_why(error)}"

    def _work(self) -> None:
        while not self._closing:
            self._wake.wait(COMMIT_S)
            self._wake.clear()
            self._write()
        self._write()
        try:
            self._disk.close()
        except Exception as error:  # noqa: BLE001 - a recording that ends badly is still kept
            self._fail(error)
        self._release()

    def _write(self) -> None:
        """One commit's worth. Never raises."""
        with self._lock:
            waiters, self._waiters = self._waiters, []
            dropped, self._dropped = self._dropped, Counter()
        for _ in range(self._queue.qsize()):
            try:
                self._attempt(self._queue.get_nowait())
            except Empty:
                break
        now = self.now()
        for probe, count in sorted(dropped.items()):
            text = f"the recorder could not follow: {count} ticks dropped"
            self._attempt(partial(_note_dropped, probe=probe, t=now, text=text))
        self._attempt(Disk.commit)
        for each in waiters:
            each.set()

    def _attempt(self, job: Job) -> None:
        if self.problem is not None:
            return
        try:
            job(self._disk)
        except (OSError, sqlite3.DatabaseError) as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - one bad value must not end the recording, nor disappear
            text = f"not recorded: {type(error).__name__}: {error}"
            self._attempt(partial(_note_dropped, probe="recorder", t=self.now(), text=text))

    def _release(self) -> None:
        with self._lock:
            waiters, self._waiters = self._waiters, []
        for each in waiters:
            each.set()


def _note_dropped(disk: Disk, probe: str, t: float, text: str) -> None:
    disk.samples.failed(probe, t, text, 0.0, 0.0)


def _ended(stretches: tuple[Stretch, ...], t: float) -> tuple[Stretch, ...]:
    return tuple(replace(each, end=max(t, each.start)) if each.end is None else each for each in stretches)


def _safe(text: str) -> str:
    """As a part of a file's name."""
    kept = "".join(each if each.isalnum() or each in "-_." else "_" for each in text)[:60].lstrip(".")
    return kept or "run"


def _new_folder(root: Path, name: str) -> Path:
    """Raises OSError. Two runs of one second get different folders."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{root / name} and 999 more exist")


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
