"""Watches what runs: one thread, one poll over all pidfds. Writes down each end, starts again what is to be."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from loadlab.clock import Clock
from loadlab.errors import ServiceError
from loadlab.services import _ready
from loadlab.services._guard import Process
from loadlab.services._instance import Exit, Instance, Journal, exit_of
from loadlab.services._kin import Kin, end, wait
from loadlab.services._start import Child, both_ends, child_of, last_lines, mark_entries
from loadlab.services._workers import Workers

TICK_S = 1.0
FIRST_PAUSE_S = 0.1
"""Before a dead instance is started again: as a cluster's master, at once but not in a tight loop."""
LONGEST_PAUSE_S = 2.0
LASTED_S = 10.0
"""Who lived this long did not die of its start."""
ASK_AGAIN_S = 0.05
LEFTOVERS_S = 0.5


@dataclass
class Hands:
    """What the supervisor does its work with."""

    journal: Journal
    clock: Clock
    kin: Kin
    spawn: Callable[[Instance], Child]
    mark: str
    forget: Callable[[int, int], None]
    note: Callable[[str], None] = field(default=lambda _: None)


class Supervisor:
    """start() once everything it shall watch is added; finish() after all was told to end."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._instances: list[Instance] = []
        self._workers = Workers(hands.journal, hands.clock)
        self._lock = threading.RLock()
        self._wake_r, self._wake_w = os.pipe()
        self._thread = threading.Thread(target=self._run, name="loadlab-supervisor", daemon=True)
        self._restarting = False
        self._stopping = False
        self._finished = False

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def add(self, instance: Instance) -> None:
        """One more, or one again; its process runs already."""
        with self._lock:
            if not any(each is instance for each in self._instances):
                self._instances.append(instance)
        self._wake()

    def settle(self) -> None:
        """Every service is ready: from now on a dead instance may be started again."""
        self._restarting = True

    def expect_ends(self) -> None:
        """All is told to stop: no end is a surprise any more, nothing is started again."""
        with self._lock:
            self._stopping = True
            for each in self._instances:
                each.again_at = None

    def finish(self) -> None:
        """Write down the last ends, and stop watching. May be called again."""
        if self._finished:
            return
        self._finished = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        for each in self._instances:
            self._look(each)
            if each.child is not None:
                each.child.close()
        self._workers.close()
        os.close(self._wake_r)
        os.close(self._wake_w)

    @property
    def instances(self) -> tuple[Instance, ...]:
        """All that were added."""
        with self._lock:
            return tuple(self._instances)

    def _run(self) -> None:
        while not self._finished:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - who watches has to go on watching
                self._hands.note(f"the supervisor stumbled and goes on: {type(error).__name__}: {error}")
                self._hands.clock.sleep(ASK_AGAIN_S)

    def _turn(self) -> None:
        poll = select.poll()
        poll.register(self._wake_r, select.POLLIN)
        watched = {each.child.pidfd: each for each in self.instances if each.child is not None}
        for pidfd in (*watched, *self._workers.descriptors):
            poll.register(pidfd, select.POLLIN)
        for descriptor, _ in poll.poll(self._pause_s() * 1000):
            if descriptor == self._wake_r:
                os.read(self._wake_r, 64)
            elif descriptor in watched:
                self._look(watched[descriptor])
            else:
                self._workers.over(descriptor, unasked=self._restarting and not self._stopping)
        self._workers.look(self.instances)
        self._start_again()
        self._hands.kin.reap()

    def _pause_s(self) -> float:
        due = [each.again_at for each in self.instances if each.again_at is not None]
        left_s = min(due, default=float("inf")) - self._hands.clock.monotonic()
        return max(0.0, min(ASK_AGAIN_S if self._workers.untold else TICK_S, left_s))

    def _look(self, instance: Instance) -> None:
        """Whether its process has ended; if so, what that means."""
        with self._lock:
            child = instance.child
            if child is None:
                return
            ended, code = child.ended()
            if not ended:
                return
            words = last_lines if instance.ready else both_ends
            lines = words(instance.log, child.log_from) if not instance.attached else []
            daemon = None if code else self._daemon_of(instance, child)
            child.close()
            self._hands.kin.direct.discard(child.pid)
            instance.child = daemon
            if daemon is not None:
                self._note_daemon(instance, daemon)
                return
            exit_ = exit_of(instance, child.pid, code, self._stopping or instance.retiring, lines)
            instance.exits.append(exit_)
            self._plan_restart(instance)
        self._write_down(instance, exit_)

    def _daemon_of(self, instance: Instance, child: Child) -> Child | None:
        """A program that leaves a daemon behind has not ended: the eldest of those left is the instance from now on."""
        if self._stopping or instance.retiring or instance.attached:
            return None
        while left := self._left_of(instance, child):
            # A daemon forks twice: the one in between may end while it is looked at.
            eldest = min(left, key=lambda each: each.key[::-1])
            daemon = child_of(eldest.pid, child.log_from)
            if daemon is not None and daemon.key == eldest.key:
                return daemon
            if daemon is not None:
                daemon.close()
        return None

    def _left_of(self, instance: Instance, child: Child) -> list[Process]:
        entries = mark_entries(self._hands.mark, instance.plan.service, instance.plan.instance)
        return [each for each in self._hands.kin.of(entries, [child.key]) if each.key != child.key]

    def _note_daemon(self, instance: Instance, daemon: Child) -> None:
        self._hands.kin.root(*daemon.key)
        plan = instance.plan
        self._hands.journal.event("started", plan.service, plan.instance, daemon.pid, daemon=True)

    def _write_down(self, instance: Instance, exit_: Exit) -> None:
        self._hands.journal.event(
            "exited",
            exit_.service,
            exit_.instance,
            exit_.pid,
            code=exit_.code,
            signal=exit_.signal,
            expected=exit_.expected,
            last_lines=list(exit_.last_lines),
        )
        if not exit_.expected and self._restarting:
            again = "; it is started again" if instance.again_at is not None else ""
            self._hands.note(f"{instance.title} {exit_.how}{again}")

    def _plan_restart(self, instance: Instance) -> None:
        if self._stopping or instance.retiring or not self._restarting or not instance.plan.restart:
            return
        now = self._hands.clock.monotonic()
        lasted = instance.ready and now - instance.started_at >= LASTED_S
        instance.failed_starts = 0 if lasted else instance.failed_starts + 1
        instance.again_at = now + pause_s(instance.failed_starts)

    def _start_again(self) -> None:
        for each in self.instances:
            with self._lock:
                due = each.again_at is not None and each.again_at <= self._hands.clock.monotonic()
                if due and not self._stopping:
                    self._restart(each)

    def _restart(self, instance: Instance) -> None:
        """What its dead process left behind would hold its port: that goes first."""
        self.clear(instance)
        try:
            instance.child = self._hands.spawn(instance)
        except ServiceError as error:
            instance.failed_starts += 1
            instance.again_at = self._hands.clock.monotonic() + pause_s(instance.failed_starts)
            self._hands.note(f"{instance.title} could not be started again: {error}")
            return
        instance.again_at = None
        instance.ready = False
        instance.started_at = self._hands.clock.monotonic()
        plan, pid = instance.plan, instance.child.pid
        self._hands.journal.event("restarted", plan.service, plan.instance, pid)
        self.attend(instance)

    def attend(self, instance: Instance) -> None:
        """Notice when an instance that was started is ready. Not waited for: one that is slow to answer keeps nobody
        from being watched."""
        threading.Thread(target=self._await, args=(instance, instance.child), daemon=True).start()

    def clear(self, instance: Instance) -> None:
        """Kill what is left of an instance: its process, and what that left behind."""
        entries = mark_entries(self._hands.mark, instance.plan.service, instance.plan.instance)
        ended = {each.pid for each in instance.exits}
        keys = {each for each in tuple(self._hands.kin.roots) if each[0] in ended}
        left = self._hands.kin.of(entries, keys)
        if left:
            end(left, signal.SIGKILL)
            left = wait(left, self._hands.clock.monotonic() + LEFTOVERS_S, self._hands.clock)
        if not left:
            self._hands.kin.roots -= keys
            for pid, start in keys:
                self._hands.forget(pid, start)

    def _await(self, instance: Instance, child: Child) -> None:
        check = _ready.check(instance.plan, instance.log, child.log_from, self._hands.clock)
        until = self._hands.clock.monotonic() + instance.plan.ready.within_s
        while instance.child is child and not self._stopping and self._hands.clock.monotonic() < until:
            if check() is None:
                instance.ready = True
                self._hands.journal.event("ready", instance.plan.service, instance.plan.instance, child.pid)
                return
            self._hands.clock.sleep(ASK_AGAIN_S)

    def _wake(self) -> None:
        with suppress(OSError):
            os.write(self._wake_w, b"!")


def pause_s(failed_starts: int) -> float:
    """How long to wait before the next try: 0.1 s, 0.2, 0.4 ... up to 2 s."""
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, min(failed_starts, 10) - 1)))


def losses(instances: Sequence[Instance]) -> dict[str, list[Instance]]:
    """Services of which no instance runs or will run again."""
    by_service: dict[str, list[Instance]] = {}
    for each in instances:
        by_service.setdefault(each.plan.service, []).append(each)
    return {name: mine for name, mine in by_service.items() if all(each.lost for each in mine)}
