"""The live screen, drawn into text; what it does to a real terminal; and how a process is stopped."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from loadlab.cli import _terminal
from loadlab.cli._frame import draw
from loadlab.cli._interrupt import interruptible
from loadlab.cli._lines import figures
from loadlab.cli._screen import Screen
from loadlab.cli._words import bar, clock, megabytes, milliseconds, sparkline
from loadlab.clock import SYSTEM, FakeClock
from loadlab.live import Live, ServiceLive
from loadlab.spec.model import Profile
from tests.cli.fake import live

ROOT = Path(__file__).resolve().parents[2]


def text(screen: Screen, width: int) -> list[str]:
    """The picture, without colours."""
    console = Console(file=io.StringIO(), width=width, height=50, color_system=None, force_terminal=False)
    console.print(draw(screen.frame(), width))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.fixture
def moved() -> FakeClock:
    return FakeClock()


@pytest.fixture
def screen(moved: FakeClock) -> Screen:
    """Twenty seconds into a run."""
    made = Screen(Console(file=io.StringIO(), force_terminal=False), "single", Profile(), moved)
    made._cores = 2
    moved.sleep(1)
    made.phase("search", 16.0)
    for second in range(18):
        moved.sleep(1)
        made.tick(live(float(second), 24, 20.0 * (second + 1)))
    made.phase("steady", 12.0)
    moved.sleep(3)
    return made


def test_the_picture_at_80_columns(screen: Screen) -> None:
    assert [each.rstrip() for each in text(screen, 80)] == [
        "single  profile ramp  0:22 of about 1:00",
        "✓ start  ✓ search  steady ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 0:09",
        "",
        "users 24   requests/s 360   p50 18.4 ms   p99 53.5 ms   errors 0",
        "throughput ▁▂▂▃▃▃▄▄▅▅▅▆▆▆▇▇██",
        "",
        "service    CPU cores        loop busy        memory",
        "balancer   ▇          0.17  █▇          18%  12 MB",
        "app x3     ████▃      0.87  ██████████ 100%  84 MB",
        "generator  █▂         0.26  -                60 MB",
        "loadlab    ▂          0.05  -                90 MB",
    ]


def test_programs_that_ended_are_told_apart_where_there_are_some(screen: Screen) -> None:
    services = (ServiceLive("app", 1.7, None, 84e6, 1, 1.6), ServiceLive("db", 0.1, 0.2, 9e6, 1, 0.01))
    screen.tick(Live(20.0, "", 0.0, 9, 12.0, 12.0, 98.0, 0, services))
    assert [each.rstrip() for each in text(screen, 80)][-3:] == [
        "service    CPU cores        loop busy        memory  ended programs",
        "app        ████████▄  1.70  -                84 MB   1.60 of it",
        "db         ▄          0.10  ██          20%  9 MB",
    ]
    assert "app 1.70 cores (1.60 of programs that ended), 84 MB  |  db 0.10 cores, loop 20% busy, 9 MB" in figures(
        Live(20.0, "", 0.0, 9, 12.0, 12.0, 98.0, 0, services)
    )


@pytest.mark.parametrize("width", [30, 40, 60, 72, 80, 120, 200])
@pytest.mark.parametrize("count", [0, 1, 4, 40])
@pytest.mark.parametrize("ended", [0.0, 11.11])
def test_it_fits_any_terminal_in_less_than_twenty_lines(screen: Screen, width: int, count: int, ended: float) -> None:
    services = tuple(ServiceLive(f"a-service-of-a-long-name-{n}", 12.34, 0.5, 1e9, 16, ended) for n in range(count))
    screen.tick(Live(20.0, "", 0.0, 99999, 123456.0, 12345.0, 98765.0, 1234567, services, 0.5))
    screen._system = "a-system-with-a-name-that-is-rather-long-for-a-terminal"
    lines = text(screen, width)
    assert len(lines) <= 20
    assert all(len(each) <= width for each in lines)
    assert all(len(each) <= 100 for each in lines), "a terminal made narrower than before wraps little"


def test_a_phase_whose_end_is_not_known_says_what_it_does(screen: Screen) -> None:
    screen.phase("stop", None)
    assert text(screen, 80)[1].rstrip() == "✓ start  ✓ search  ✓ steady  stop stopping everything"


def test_a_phase_that_takes_longer_stays_at_zero(screen: Screen, moved: FakeClock) -> None:
    moved.sleep(60)
    assert text(screen, 80)[1].endswith("━ 0:00")


def test_before_the_first_figures_there_is_no_table(moved: FakeClock) -> None:
    fresh = Screen(Console(file=io.StringIO()), "single", Profile(), moved)
    assert len(text(fresh, 80)) == 2


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (milliseconds(0.4213), "0.42 ms"),
        (milliseconds(21.04), "21.0 ms"),
        (milliseconds(1240.4), "1240 ms"),
        (milliseconds(None), "-"),
        (megabytes(84.4e6), "84 MB"),
        (megabytes(1.55e9), "1.6 GB"),
        (clock(65.4), "1:05"),
        (clock(-1), "0:00"),
        (bar(0.5, 4), "██  "),
        (bar(7.0, 4), "████"),
        (bar(-1.0, 4), "    "),
        (sparkline([], 10), ""),
        (sparkline([0.0, 0.0], 10), "▁▁"),
        (sparkline([9.0, 1.0, 2.0], 2), "▅█"),
    ],
)
def test_numbers_for_people(said: str, wanted: str) -> None:
    assert said == wanted


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "encoding", "watched", "draws"),
    [
        ({}, "utf-8", True, True),
        ({}, "UTF8", True, True),
        ({}, "ascii", True, False),
        ({"CI": "true"}, "utf-8", False, False),
        ({"CI": "false"}, "utf-8", True, True),
        ({"TERM": "dumb"}, "utf-8", False, False),
    ],
)
def test_a_live_screen_is_for_people(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], encoding: str, watched: bool, draws: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal(encoding)
    assert (_terminal.is_watched(stream), _terminal.can_draw(stream)) == (watched, draws)
    assert not _terminal.is_watched(io.StringIO())


def test_the_first_signal_interrupts_the_second_is_noted_the_third_interrupts_again() -> None:
    notes: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(notes.append):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert len(notes) == 1 and "once more" in notes[0]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(lambda text: None):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


class Shown:
    """The fake command line on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str, speed: str = "20", **environment: str) -> None:
        self.master, slave = pty.openpty()
        variables = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
            variables.pop(name, None)
        command = [sys.executable, "-m", "tests.cli.fake", "--speed", speed, *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, env=variables | environment, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.text = ""

    def until(self, done: Callable[[str], bool], within_s: float = 30.0) -> str:
        """Reads until the text says so, or the process has ended."""
        end = SYSTEM.monotonic() + within_s
        while not done(self.text) and SYSTEM.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode()
                except OSError:
                    break
        return self.text

    def end(self) -> int:
        """Its exit code."""
        self.until(lambda _: False)
        os.close(self.master)
        return self.process.wait(10)


@pytest.mark.real
def test_on_a_terminal_the_screen_moves_and_is_gone_at_the_end(folder: Path) -> None:
    shown = Shown(folder, "run", "single")
    assert shown.end() == 0
    assert "\x1b[?25l" in shown.text, "the cursor was hidden"
    assert shown.text.rstrip().rfind("\x1b[?25h") > shown.text.rfind("\x1b[?25l"), "and shown again"
    assert "profile ramp" in shown.text
    after = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.text[shown.text.rfind("\x1b[?25h") :])
    assert "app is limited by one CPU core" in after
    assert "throughput" not in after.split("app is limited")[0]
    assert "report     runs/20261123-170455-single/report.html" in after


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_puts_the_terminal_back_and_keeps_the_recording(folder: Path, number: signal.Signals) -> None:
    shown = Shown(folder, "run", "single", speed="5")
    shown.until(lambda text: "search" in text)
    shown.process.send_signal(number)
    assert shown.end() == 130
    assert shown.text.rfind("\x1b[?25h") > shown.text.rfind("\x1b[?25l")
    assert "stopped: " in shown.text
    assert "loadlab diagnose runs/20261123-170455-single" in " ".join(shown.text.split())


@pytest.mark.real
@pytest.mark.parametrize("environment", [{"CI": "true"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_ci_and_dumb_terminals_get_lines_and_no_color_gets_none(folder: Path, environment: dict[str, str]) -> None:
    shown = Shown(folder, "run", "single", **environment)
    assert shown.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown.text), "a colour"
    assert ("\x1b" in shown.text) is ("NO_COLOR" in environment), "the screen still moves without colours"
