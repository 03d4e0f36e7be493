from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import NotReady, PortBusy, ServiceError
from loadlab.services import _guard, _kin, _ports
from loadlab.services._start import VIRTUAL, last_lines
from tests.services.conftest import APPS, Launched, Launcher, alive, family, get, python, until, web

pytestmark = pytest.mark.real

PYTHON = sys.executable


def test_services_run_and_are_gone_again(launching: Launcher) -> None:
    with launching(web(instances=2), web("front", env={"APP": "{app.url}"})) as run:
        targets = run.running.now()
        assert [(each.service, each.instance) for each in targets] == [("app", 0), ("app", 1), ("front", 0)]
        assert all(alive(each.pid) for each in targets)
        said = get(run.running.url("front"))
        assert said["pid"] == targets[2].pid and said["env"]["APP"] == run.running.url("app")
        assert run.running.check() == ()
        started = SYSTEM.monotonic()
    assert SYSTEM.monotonic() - started < 5
    assert not any(alive(each.pid) for each in targets)
    kinds = [(each["kind"], each["service"]) for each in run.journal.events]
    assert kinds[:6] == [("started", "app")] * 2 + [("ready", "app")] * 2 + [("started", "front"), ("ready", "front")]
    ends = [(each["service"], each["expected"]) for each in run.journal.events if each["kind"] == "exited"]
    assert ends[0] == ("front", True) and sorted(ends[1:]) == [("app", True)] * 2
    assert run.notes == []


def test_the_environment_is_what_is_documented_and_the_marks(
    launching: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("LANG", "C")
    for name in ("TZ", "TMPDIR", *VIRTUAL):  # whatever the tests themselves were started from
        monkeypatch.delenv(name, raising=False)
    # Not Python: an interpreter adds LC_CTYPE to its own environment.
    with launching(
        {"name": "app", "command": ["sh", "-c", "env; echo done; sleep 60"], "ready": {"log": "done"}}
    ) as run:
        lines = (run.journal.log_path("app", 0)).read_text().splitlines()
    names = {each.partition("=")[0] for each in lines[: lines.index("done")]} - {"PWD", "SHLVL", "_", "OLDPWD"}
    assert names == {"PATH", "HOME", "LANG", "LOADLAB_RUN", "LOADLAB_INSTANCE"}
    assert "LOADLAB_INSTANCE=app/0" in lines


def signals(pid: int, field: str) -> set[int]:
    """Without 32 and 33: they are the C library's own, which lets nobody change them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = int(next(each.split()[1] for each in lines if each.startswith(field)), 16)
    return {number for number in range(1, 65) if mask >> number - 1 & 1} - {32, 33}


def test_each_service_has_a_session_and_plain_signals(launching: Launcher) -> None:
    real_time = signal.SIGRTMIN + 3
    before = signal.signal(real_time, signal.SIG_IGN)  # as some runners of CI jobs leave theirs
    try:
        with launching(web()) as run:
            pid = run.running.now()[0].pid
            assert os.getsid(pid) == pid and signals(pid, "SigBlk") == set()
            # Python itself ignores these two.
            assert signals(pid, "SigIgn") <= {signal.SIGPIPE, signal.SIGXFSZ}
        with launching({"name": "app", "command": ["sleep", "60"]}) as run:
            pid = run.running.now()[0].pid
            assert signals(pid, "SigIgn") == signals(pid, "SigBlk") == set()
            assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
    finally:
        signal.signal(real_time, before)


def test_a_daemon_stays_within_reach(launching: Launcher) -> None:
    with launching({"name": "app", "command": [PYTHON, "daemon.py", "{port}"]}) as run:
        log = run.journal.log_path("app", 0)
        assert until(lambda: [each for each in run.running.now() if f"daemon {each.pid}\n" in log.read_text()])
        (target,) = run.running.now()
        assert run.journal.of("started")[-1]["pid"] == target.pid
        assert target.pid in run.pids() and run.journal.of("exited") == []
        assert run.running.check() == ()
        os.kill(target.pid, signal.SIGKILL)
        assert until(lambda: run.journal.of("exited"))
        assert run.journal.of("exited")[0]["signal"] == signal.SIGKILL
        with pytest.raises(ServiceError, match="app was killed by SIGKILL while it was under load"):
            run.running.check()


def test_strays_are_ended_and_leave_no_zombies(launching: Launcher) -> None:
    with launching({"name": "app", "command": [PYTHON, "strays.py"], "ready": {"log": "strays"}}) as run:
        strays = [int(each) for each in last_lines(run.journal.log_path("app", 0))[-1].split()[1:]]
        root = run.running.now()[0].pid
        everyone = {*strays, *run.pids()}
        assert len(everyone) == 4 and all(map(alive, everyone))
        os.kill(strays[0], signal.SIGSTOP)
    assert not any(_guard.look(each) for each in {*everyone, root}), "left, or a zombie"


def test_services_that_do_not_need_each_other_start_side_by_side(launching: Launcher) -> None:
    """The one that is first in the file waits for a sign of the second; the third needs the first."""
    sign = "open('sign','w').close(); print('up', flush=True); time.sleep(60)"
    look = "\nwhile not os.path.exists('../second-0/sign'): time.sleep(0.01)\nprint('up', flush=True); time.sleep(60)"

    def one(name: str, code: str) -> dict[str, object]:
        code = "import os,sys,time; os.chdir(sys.argv[1]); " + code
        return {"name": name, "command": [PYTHON, "-c", code, "{dir}"], "ready": {"log": "up", "within_s": 10}}

    third = {"name": "third", "command": [PYTHON, "-c", "import time; time.sleep(60)", "{first.host}"]}
    with launching(one("first", look), one("second", sign), third) as run:
        at = {(each["kind"], each["service"]): each["at"] for each in run.journal.events}
        assert at["started", "second"] < at["ready", "first"] < at["started", "third"]


def test_one_that_fails_ends_those_that_start_beside_it(launching: Launcher) -> None:
    slow = {"name": "slow", "command": [PYTHON, "-c", "import time; time.sleep(60)"], "ready": {"log": "never"}}
    bad = {"name": "bad", "command": [PYTHON, "-c", "raise SystemExit(3)"]}
    with pytest.raises(ServiceError, match="bad ended with exit code 3 before"), launching(slow, bad):
        pass


def test_orphans_are_reaped_while_it_runs(launching: Launcher) -> None:
    code = (
        "import os,time\n"
        "if os.fork() == 0:\n    if os.fork() == 0: time.sleep(1.5)\n    os._exit(0)\n"
        "os.wait()\ntime.sleep(60)"
    )
    with launching(python(code)) as run:
        (root,) = run.running.now()
        assert until(lambda: [each for each in _kin.children(os.getpid()) if each in run.pids() and each != root.pid])
        orphans = [each for each in _kin.children(os.getpid()) if each in run.pids() and each != root.pid]
        assert until(lambda: not any(_guard.look(each) for each in orphans))


def test_a_stubborn_service_is_killed_in_time(launching: Launcher) -> None:
    services = [web(f"s{each}", env={"STUBBORN": "1"}) for each in range(3)]
    with launching(*services) as run:
        pids = run.pids()
        began = SYSTEM.monotonic()
    assert SYSTEM.monotonic() - began < 5
    assert not any(map(alive, pids))
    assert sorted(run.notes) == [
        f"s{each} did not end within 3 s of being asked to, and was killed" for each in range(3)
    ]


def test_a_stopped_service_hears_that_it_should_end(launching: Launcher) -> None:
    with launching(web()) as run:
        os.kill(run.running.now()[0].pid, signal.SIGSTOP)
        began = SYSTEM.monotonic()
    assert SYSTEM.monotonic() - began < 3
    assert run.journal.of("exited")[0]["signal"] == signal.SIGTERM


def test_whatever_ends_the_body_everything_ends(launching: Launcher) -> None:
    seen: list[Launched] = []

    def interrupted() -> None:
        with launching(web()) as run:
            seen.append(run)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert family(seen[0].guardian.mark) == []


def test_a_port_on_which_somebody_answers_is_refused(launching: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortBusy) as caught, launching(web(port=port)):
            pass
    for part in (f"port {port}, where app should listen", f"pid {os.getpid()}", f"loadlab run --attach {port}"):
        assert part in str(caught.value)


def test_a_crash_at_the_start_is_told_at_once(launching: Launcher) -> None:
    code = "print('one')\nprint('two')\nimport nowhere"
    began = SYSTEM.monotonic()
    with pytest.raises(ServiceError) as caught, launching(python(code + "#{port}")):
        pass
    assert SYSTEM.monotonic() - began < 3
    for part in (
        "app ended with exit code 1 before it was ready",
        "    two\n",
        "No module named 'nowhere'",
        "app-0.log",
    ):
        assert part in str(caught.value)
    assert not isinstance(caught.value, NotReady)


def test_a_crash_by_a_signal_says_which(launching: Launcher) -> None:
    with (
        pytest.raises(ServiceError, match=r"(?s)app \(instance 1 of 2\) was killed by SIGSEGV .*it printed nothing"),
        launching(python("import os,time\nif {instance}: os.kill(os.getpid(), 11)\ntime.sleep(60)", instances=2)),
    ):
        pass


def test_one_that_never_gets_ready(launching: Launcher) -> None:
    with (
        pytest.raises(NotReady) as caught,
        launching(web(ready={"http": "/health", "within_s": 0.6}, env={"SLOW_S": "60", "PRINT": "loading"})),
    ):
        pass
    for part in ("was not ready within 0.6 s", "answered 503", "    loading", "raise ready = { within_s"):
        assert part in str(caught.value)


def test_one_that_listens_elsewhere_says_where(launching: Launcher, free_port: int) -> None:
    service = {"name": "app", "command": [PYTHON, "web.py", str(free_port)], "ready": {"tcp": True, "within_s": 0.8}}
    with (
        pytest.raises(NotReady, match=f"it listens on 127.0.0.1:{free_port} instead"),
        launching(service | {"env": {"PORT": "{port}"}}),
    ):
        pass


def test_one_that_becomes_ready_in_the_end(launching: Launcher) -> None:
    with launching(web(env={"SLOW_S": "0.6"})) as run:
        assert run.journal.of("ready")[0]["at"] - run.journal.of("started")[0]["at"] > 0.4


def test_a_program_that_is_not_there(launching: Launcher) -> None:
    for command, says in (
        (["no-such-program"], "'no-such-program' was found neither on PATH nor in"),
        (["./no-such-file"], "no-such-file does not exist"),
        (["./web.py"], r"web.py may not be run: `chmod \+x` it"),
    ):
        with pytest.raises(ServiceError, match=f"app: .*{says}"), launching({"name": "app", "command": command}):
            pass


def test_a_program_beside_the_interpreter_needs_no_activated_environment(
    launching: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with launching({"name": "app", "command": [Path(PYTHON).name, "web.py", "{port}"]}) as run:
        assert alive(run.running.now()[0].pid)


def test_a_dead_service_that_is_not_restarted_ends_the_run(launching: Launcher) -> None:
    with launching(web(env={"DIE_AFTER_S": "0.8", "CODE": "7"})) as run:
        assert until(lambda: run.journal.of("exited"))
        with pytest.raises(ServiceError, match=r"(?s)app ended with exit code 7 while .*dying on purpose.*on-exit"):
            run.running.check()
        assert run.running.now() == ()
    (event,) = run.journal.of("exited")
    assert event["code"] == 7 and event["signal"] is None and event["expected"] is False
    assert event["last_lines"] == ["dying on purpose"]
    assert run.notes == ["app ended with exit code 7"]


def test_a_service_lives_as_long_as_one_instance_does(launching: Launcher) -> None:
    with launching(web(instances=2)) as run:
        os.kill(run.running.now()[0].pid, signal.SIGKILL)
        assert until(lambda: run.journal.of("exited"))
        (exit_,) = run.running.check()
        assert exit_.signal == signal.SIGKILL and exit_.instance == 0
        assert [each.instance for each in run.running.now()] == [1]


def test_a_dead_instance_is_started_again(launching: Launcher) -> None:
    with launching(web(restart="on-exit")) as run:
        for round_ in range(1, 3):
            (before,) = run.running.now()
            os.kill(before.pid, signal.SIGKILL)
            assert until(partial(_times, run, round_ + 1))
            (after,) = run.running.now()
            assert after.pid != before.pid and get(run.running.url("app"))["pid"] == after.pid
        assert len(run.running.check()) == 2
    exited, restarted = run.journal.of("exited"), run.journal.of("restarted")
    assert restarted[0]["at"] - exited[0]["at"] < 1.0
    assert [each["expected"] for each in exited] == [False, False, True]


def test_what_a_dead_instance_left_behind_does_not_keep_its_port(launching: Launcher) -> None:
    code = (
        "import os,runpy,sys,time\nif os.fork():\n    time.sleep(60)\nsys.argv[1:]=['{port}']\nrunpy.run_path('web.py')"
    )
    with launching(python(code, restart="on-exit", ready={"http": "/"})) as run:
        worker = get(run.running.url("app"))["pid"]
        (root,) = run.running.now()
        assert worker != root.pid
        os.kill(root.pid, signal.SIGKILL)
        assert until(lambda: len(run.journal.of("ready")) == 2)
        assert get(run.running.url("app"))["pid"] not in (worker, root.pid) and not alive(worker)


def test_setup_runs_once_and_again_when_told_to(launching: Launcher, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    service = {"name": "app", "command": ["sleep", "60"], "setup": ["sh", "-c", "echo made >> made; echo said"]}
    for again, times in ((False, 1), (False, 1), (True, 2)):
        with launching(service, folder=folder, setup_again=again) as run:
            assert (folder / "made").read_text().count("made") == times
    assert "said" in run.journal.log_path("app", 0).read_text()


def test_a_setup_that_fails(launching: Launcher, tmp_path: Path) -> None:
    service = {"name": "app", "command": ["sleep", "60"], "setup": ["sh", "-c", "echo no network; exit 4"]}
    for _ in range(2):
        with (
            pytest.raises(ServiceError, match=r"(?s)the setup of app ended with exit code 4.*no network"),
            launching(service, folder=tmp_path),
        ):
            pass


def test_an_attached_service_is_watched_and_left_alone(launching: Launcher, free_port: int) -> None:
    child = subprocess.Popen([PYTHON, "web.py", str(free_port)], cwd=APPS)
    try:
        assert until(lambda: _ports.answered(free_port))
        with launching({"name": "app", "attach": {"port": free_port}}) as run:
            (target,) = run.running.now()
            assert target.pid == child.pid and target.attached and target.ports == (free_port,)
            assert run.running.url("app") == f"http://127.0.0.1:{free_port}"
        assert child.poll() is None and _guard.look(child.pid).state != "T"  # type: ignore[union-attr]
        with launching({"name": "app", "attach": {"pid": child.pid}}) as run:
            child.kill()
            assert until(lambda: run.journal.of("exited"))
            with pytest.raises(ServiceError, match="app, which was attached, ended while"):
                run.running.check()
    finally:
        child.kill()
        child.wait()


def test_only_an_address_is_something_to_load(launching: Launcher) -> None:
    with launching({"name": "app", "attach": {"url": "http://127.0.0.1:9"}}) as run:
        assert run.running.now() == () and run.running.url("app") == "http://127.0.0.1:9"
        assert run.running.check() == ()


def _times(run: Launched, ready: int) -> bool:
    return len(run.journal.of("ready")) == ready


def test_ctrl_c_while_it_stops_does_not_keep_it_from_stopping(launching: Launcher) -> None:
    seen: list[int] = []
    presses = [threading.Timer(each, os.kill, (os.getpid(), signal.SIGINT)) for each in (0.3, 0.6)]

    def interrupted() -> None:
        with launching(web(env={"STUBBORN": "1"})) as run:
            seen.extend(run.pids())
            for each in presses:
                each.start()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    for each in presses:
        each.join()
    assert seen and not any(map(alive, seen))
