"""Acts on plans: starts every service in order, waits until each is ready, and ends all of them again."""

from __future__ import annotations

import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadlab.clock import Clock
from loadlab.errors import NotReady, PortBusy, ServiceError
from loadlab.services import Plan, ProcessPlan, Target, _find, _guard, _limits, _ports, _ready, _setup, _spaces, _stop
from loadlab.services._guardian import MARK
from loadlab.services._instance import Exit, Guardian, Instance, Journal, withheld
from loadlab.services._kin import Kin, adopting, tell
from loadlab.services._plans import plan_all
from loadlab.services._start import Child, child_of, environment, last_lines, spawn
from loadlab.services._supervise import Hands, Supervisor, losses

__all__ = ["Guardian", "Running", "launch", "plan_all"]

ASK_AGAIN_S = 0.03
TEST_WITHIN_S = 20.0
STOPPED_WITHIN_S = 10.0
"""Twice what the teardown allows itself: a disk that hangs while files are removed must not hang loadlab."""
BY_HAND = "run the command by hand in that folder, mend it, and start again"
SETUP_WITHIN_S = 600.0
"""`npm ci` of a large project over a slow line."""


@contextmanager
def launch(
    plans: Sequence[Plan],
    recorder: Journal,
    clock: Clock,
    guardian: Guardian,
    on_note: Callable[[str], None] = lambda _: None,
    *,
    setup_again: bool = False,
) -> Iterator[Running]:
    """Every service, ready; when the body ends, in whatever way, nothing of them is left.

    Raises PortBusy, NotReady, LimitUnavailable, or ServiceError for a service that cannot be started or dies before it
    is ready. `setup_again`: run each `setup` though it ran before.
    """
    with adopting():
        running = Running(plans, recorder, clock, guardian, on_note)
        try:
            running.start(setup_again=setup_again)
            yield running
        finally:
            running.stop()


class Running:
    """What runs now. Implements Targets."""

    def __init__(
        self,
        plans: Sequence[Plan],
        recorder: Journal,
        clock: Clock,
        guardian: Guardian,
        on_note: Callable[[str], None],
    ) -> None:
        self.plans = tuple(plans)
        self._journal = recorder
        self._clock = clock
        self._guardian = guardian
        self._note = on_note
        self._kin = Kin((f"{MARK}={guardian.mark}".encode(),))
        self._groups: list[list[Instance]] = []
        self._supervisor = Supervisor(
            Hands(recorder, clock, self._kin, self._spawn, guardian.mark, guardian.forget, on_note)
        )
        self._means: _limits.Means | None = None
        self._tag = secrets.token_hex(6)
        """A guardian may see to two systems at once, as where a remedy is tried: each has limits of its own."""
        self._stopping: threading.Thread | None = None
        self._stopped = threading.Event()

    def now(self) -> tuple[Target, ...]:
        """All instances that run, in the order in which they were started."""
        targets = (each.target() for each in self._supervisor.instances)
        return tuple(each for each in targets if each is not None)

    def instances(self, service: str) -> list[Instance]:
        """All of a service that were started so far."""
        return [each for each in self._supervisor.instances if each.plan.service == service]

    def url(self, service: str) -> str:
        """Where a service answers; of several instances the first."""
        return next(each.url for each in self.plans if each.service == service)

    def check(self) -> tuple[Exit, ...]:
        """Every end nobody asked for, so far. Raises ServiceError where a service has no instance left, and none will
        be started: the load cannot go on."""
        instances = self._supervisor.instances
        for name, mine in losses(instances).items():
            last = mine[-1]
            exit_ = last.exits[-1] if last.exits else None
            if last.attached:
                raise ServiceError(f"{name}, which was attached, ended while it was under load")
            how = exit_.how if exit_ is not None else "ended"
            raise ServiceError(
                last.report(
                    f"{last.title} {how} while it was under load"
                    + ("" if len(mine) == 1 else f"; none of its {len(mine)} instances is left"),
                    'mend what ended it, or write restart = "on-exit" to have it started again, as a cluster would',
                    exit_.last_lines if exit_ is not None else (),
                )
            )
        return tuple(each for one in instances for each in one.exits if not each.expected)

    def start(self, *, setup_again: bool = False) -> None:
        """Every service as soon as those it needs are ready, so that those that do not need each other start side by
        side; see launch."""
        self._refuse_busy_ports()
        self._supervisor.start()
        left, waiting = list(self.plans), _ready.Waiting(self._journal, self._clock)
        while left:
            names = {each.service for each in left} | waiting.services
            for plan in [each for each in left if not names & set(each.after)]:
                left.remove(plan)
                self._prepare(plan, setup_again=setup_again)
                for at, pid in enumerate(plan.attached_pids):
                    self._attached(plan, pid, at)
                for process in plan.processes:
                    waiting.add(self._started(plan, process))
            self._await_ready(waiting)
        while waiting.services:
            self._await_ready(waiting)
        self._supervisor.settle()

    def begin(self, service: str, number: int) -> Instance:
        """One more instance of a scaled service, started and not waited for. Raises ServiceError, LimitUnavailable."""
        plan = next(each for each in self.plans if each.service == service)
        group = next(each for each in self._groups if each[0].plan.service == service)
        instance = next((each for each in group if each.plan.instance == number), None)
        if instance is None:
            instance = self._made(plan, plan.all_processes[number])
            group.append(instance)
            self._lay_out(instance.plan)
            self._limit(instance)
        if self._stopping is not None:
            raise ServiceError(f"{instance.title} is not started any more: everything is being stopped")
        self._supervisor.clear(instance)
        instance.retiring = instance.ready = False
        self._run(instance)
        self._supervisor.attend(instance)
        return instance

    def retire(self, instance: Instance, *, kill: bool = False) -> None:
        """Asks an instance to end, which is expected of it then; kill: ends it with all it started."""
        child, instance.retiring = instance.child, True
        if kill:
            self._supervisor.clear(instance)
        elif child is not None:
            root = _guard.look(child.pid)
            tell([root] if root is not None and root.key == child.key else [], instance.plan.stop_signal)

    def stop(self) -> None:
        """End everything. Ctrl-C while it works does not keep it from ending its work; may be called again."""
        if self._stopping is None:
            self._stopping = threading.Thread(target=self._end, name="loadlab-teardown", daemon=True)
            self._stopping.start()
        interrupted: BaseException | None = None
        until = self._clock.monotonic() + STOPPED_WITHIN_S
        while not self._stopped.is_set() and self._clock.monotonic() < until:
            try:
                # Not join: interrupted, it takes a thread that runs for one that has ended (bpo-45274).
                self._stopped.wait(0.1)
            except BaseException as error:  # noqa: BLE001 - whatever a signal handler raises here has to wait
                interrupted = error
        if interrupted is not None:
            raise interrupted

    def _end(self) -> None:
        try:
            self._stop()
        except Exception as error:  # noqa: BLE001 - the run's own result must not be lost over it
            self._note(f"loadlab stumbled while it stopped the services: {type(error).__name__}: {error}")
        finally:
            self._stopped.set()

    def _stop(self) -> None:
        began = self._clock.monotonic()
        self._supervisor.expect_ends()
        own = [[each for each in group if not each.attached] for group in reversed(self._groups)]
        try:
            left = _stop.teardown([each for each in own if each], self._kin, self._clock, self._note)
        finally:
            self._supervisor.finish()
            self._kin.direct.clear()
            self._kin.reap()
        instances = [each for group in own for each in group]
        folders = _stop.remove_cgroups(instances, began + _stop.ALL_S, self._clock)
        _stop.remove_scratch(instances)
        for each in (each for plan in self.plans for each in plan.all_processes):
            for port in (*each.ports, *each.spare_ports):
                _ports.hand_over(port)
            if each.network is not None:
                _spaces.hand_over(each.network)
        remaining = [f"process {each.pid} ({_find.named(each.pid)})" for each in left] + folders
        if remaining:
            text = f"could not be removed: {', '.join(remaining)}"
            self._note(text)
            self._journal.event("note", text=text)

    def _refuse_busy_ports(self) -> None:
        shared = (each for plan in self.plans for each in plan.all_processes if each.network is None)
        for process in shared:
            for port in (*process.ports, *process.spare_ports):
                if _ports.answered(port, process.host):
                    who = _find.occupant(port)
                    raise PortBusy(
                        f"port {port}, where {process.service} should listen, is taken: somebody already answers there"
                        f"{f' ({who})' if who else ''}. Stop it, give {process.service} another port, or measure what "
                        f"runs there: loadlab run --attach {port}"
                    )

    def _prepare(self, plan: Plan, *, setup_again: bool) -> None:
        """Folders, files, the setup, and the server's own opinion of its configuration."""
        for process in plan.processes:
            self._lay_out(process)
        if plan.processes:
            self._set_up(plan.processes[0], again=setup_again)
        for process in plan.processes:
            if process.test:
                self._test(process)

    def _lay_out(self, process: ProcessPlan) -> None:
        for name in process.scratch:
            self._guardian.temp(process.folder / name)
        try:
            process.folder.mkdir(parents=True, exist_ok=True)
            for name, text in process.files.items():
                (process.folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise ServiceError(f"{process.service}: {error}; free some space or use --runs DIR") from error

    def _set_up(self, process: ProcessPlan, *, again: bool) -> None:
        setup = process.setup
        if not setup or (_setup.is_done(setup, process.cwd) and not again):
            return
        self._note(f"{process.service}: setting up: {' '.join(setup)}")
        log = self._journal.log_path(process.service, process.instance)
        child = spawn(setup, process.cwd, environment(process, self._guardian.mark), log, self._guardian)
        self._kin.root(*child.key)
        try:
            code = self._await_end(child, SETUP_WITHIN_S)
        finally:
            child.close()
            self._kin.direct.discard(child.pid)
        if code != 0:
            how = f"ended with exit code {code}" if code is not None else f"took longer than {SETUP_WITHIN_S:g} s"
            lines = "\n".join(f"    {each}" for each in last_lines(log, child.log_from))
            raise ServiceError(
                f"the setup of {process.service} {how}: {' '.join(setup)}\n  in: {process.cwd}\n"
                f"  its last lines ({log}):\n{lines}\n  run it by hand there, mend it, and start again"
            )
        _setup.mark_done(setup, process.cwd)

    def _await_end(self, child: Child, within_s: float) -> int | None:
        until = self._clock.monotonic() + within_s
        while self._clock.monotonic() < until:
            ended, code = child.ended()
            if ended:
                return code
            self._clock.sleep(ASK_AGAIN_S)
        return None

    def _test(self, process: ProcessPlan) -> None:
        try:
            done = subprocess.run(
                process.test,
                cwd=process.cwd,
                env=environment(process, self._guardian.mark),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TEST_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceError(f"{process.service}: its configuration could not be tested: {error}") from error
        if done.returncode != 0:
            words = "\n".join(f"    {each}" for each in done.stdout.decode("utf-8", "replace").splitlines()[-15:])
            files = ", ".join(str(process.folder / each) for each in process.files)
            raise ServiceError(
                f"{process.service}: {process.test[0]} refuses its configuration ({files}):\n{words}\n"
                "  correct `with` (settings, config) of this service"
            )

    def _attached(self, plan: Plan, pid: int, at: int) -> Instance:
        child = child_of(pid, foreign=True)
        if child is None:
            raise ServiceError(f"{plan.service}: process {pid}, to which it was attached, has ended")
        process = ProcessPlan(plan.service, at, (), Path(), Path(), ports=plan.attached_ports)
        log = self._journal.log_path(plan.service, at)
        instance = Instance(process, plan.role, plan.unit, log, len(plan.attached_pids), child=child, attached=True)
        self._groups.append([instance])
        self._supervisor.add(instance)
        return instance

    def _started(self, plan: Plan, process: ProcessPlan) -> Instance:
        instance = self._made(plan, process)
        if process.instance == 0 or not self._groups:
            self._groups.append([])
        self._groups[-1].append(instance)
        self._limit(instance)
        self._run(instance)
        return instance

    def _made(self, plan: Plan, process: ProcessPlan) -> Instance:
        log = self._journal.log_path(process.service, process.instance)
        instance = Instance(process, plan.role, plan.unit, log, len(plan.all_processes))
        instance.env = environment(process, self._guardian.mark)
        return instance

    def _run(self, instance: Instance) -> None:
        """Also once more, after it was retired: its limits are still there."""
        process = instance.plan
        for port in (*process.ports, *process.spare_ports):
            _ports.hand_over(port)
        instance.child = child = self._spawn(instance)
        instance.started_at = self._clock.monotonic()
        self._journal.event("started", process.service, process.instance, child.pid, ports=list(process.ports))
        self._supervisor.add(instance)

    def _limit(self, instance: Instance) -> None:
        limits = instance.plan.limits
        if limits is None:
            return
        self._means = self._means or _limits.means()
        given = (instance.label, self._tag, self._guardian, self._means, instance.plan.network)
        instance.applied = _limits.apply(limits, *given)
        if instance.applied.note:
            self._note(instance.applied.note)

    def _spawn(self, instance: Instance) -> Child:
        plan = instance.plan
        try:
            child = spawn(plan.argv, plan.cwd, instance.env, instance.log, self._guardian, instance.applied)
        except ServiceError as error:
            raise ServiceError(f"{instance.title}: {error}") from error
        self._kin.root(*child.key)
        return child

    def _await_ready(self, waiting: _ready.Waiting) -> None:
        """Until another service is ready, or all are. Raises NotReady, and ServiceError for one that ended."""
        before = waiting.services
        while waiting.services and waiting.services == before:
            for instance, answer in waiting.ask():
                if instance.lost:
                    self._died(instance)
                if answer and self._clock.monotonic() - instance.started_at > instance.plan.ready.within_s:
                    self._never(instance, answer)
            if waiting.services:
                self._clock.sleep(ASK_AGAIN_S)

    def _died(self, instance: Instance) -> None:
        exit_ = instance.exits[-1]
        after_s = self._clock.monotonic() - instance.started_at
        raise ServiceError(
            instance.report(
                f"{instance.title} {exit_.how} before it was ready, {after_s:.1f} s after its start",
                "raise limits.memory, or let it hold less" if exit_.hint else withheld(instance.env, exit_) or BY_HAND,
                exit_.last_lines,
            )
        )

    def _never(self, instance: Instance, answer: str) -> None:
        child = instance.child
        lines = last_lines(instance.log, child.log_from) if child is not None else []
        within_s = instance.plan.ready.within_s
        raise NotReady(
            instance.report(
                f"{instance.title} runs but was not ready within {within_s:g} s: {answer}{self._elsewhere(instance)}",
                "if it only needs longer, raise ready = { within_s = ... }; else correct its `ready` or its port",
                lines,
            )
        )

    def _elsewhere(self, instance: Instance) -> str:
        """The likeliest reason: it listens on another port, or another address."""
        if instance.child is None or not instance.plan.ports:
            return ""
        there = _find.listening(_find.tree(instance.child.pid))
        shown = ", ".join(sorted({f"{each.address}:{each.port}" for each in there}))
        wanted = {each.port for each in there} & set(instance.plan.ports)
        return f"; it listens on {shown} instead" if shown and not wanted else ""
