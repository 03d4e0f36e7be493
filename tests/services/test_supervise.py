from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.services import ProcessPlan
from loadlab.services._instance import Instance, exit_of, signal_name
from loadlab.services._start import both_ends, last_lines
from loadlab.services._supervise import losses, pause_s

NOWHERE = Path("/nowhere")


def instance(service: str = "app", number: int = 0, **more: float) -> Instance:
    plan = ProcessPlan(service, number, ("x",), NOWHERE, NOWHERE)
    return Instance(plan, "app", "command", NOWHERE, of=2, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failed", "seconds"), [(0, 0.1), (1, 0.1), (2, 0.2), (3, 0.4), (5, 1.6), (6, 2.0), (999, 2.0)]
)
def test_the_pause_before_the_next_try_grows(failed: int, seconds: float) -> None:
    assert pause_s(failed) == pytest.approx(seconds)


def test_a_service_is_lost_with_its_last_instance() -> None:
    gone, coming = instance(), instance(number=1, again_at=5.0)
    assert losses([gone, coming]) == {}
    assert losses([gone, instance(number=1)]).keys() == {"app"}
    assert losses([gone, instance("db", again_at=1.0)]).keys() == {"app"}


@pytest.mark.parametrize(
    ("code", "how"),
    [(0, "ended with exit code 0"), (3, "ended with exit code 3"), (-9, "was killed by SIGKILL"), (None, "ended")],
)
def test_how_it_ended(code: int | None, how: str) -> None:
    exit_ = exit_of(instance(), 7, code, False, ["bye"])
    assert exit_.how == how and exit_.last_lines == ("bye",)
    assert (exit_.code, exit_.signal) == ((None, 9) if code == -9 else (code, None))


def test_unknown_signals_have_numbers() -> None:
    assert signal_name(15) == "SIGTERM" and signal_name(63).startswith("signal 63")


def test_the_last_lines_of_this_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"old\n" + b"".join(b"line %d\n\n" % each for each in range(30)) + b"\xff end")
    assert last_lines(log, 4)[0] == "line 16" and last_lines(log, 4)[-1] == "\ufffd end"
    assert len(last_lines(log)) == 15
    log.write_bytes(b"old\n")
    assert last_lines(log, 4) == [] and last_lines(tmp_path / "none") == []


def test_of_a_start_that_failed_both_ends_of_what_it_said_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    log.write_text("an earlier start\n")
    since = log.stat().st_size
    with log.open("a") as file:
        file.write("".join(f"line {each}\n\n" for each in range(22)))
    assert both_ends(log, since) == [f"line {each}" for each in range(22)]
    with log.open("a") as file:
        file.write("".join(f"line {each}\n" for each in range(22, 5000)))
    kept = both_ends(log, since)
    assert kept[:7] == [f"line {each}" for each in range(7)] and kept[7] == "..."
    assert kept[8:] == [f"line {each}" for each in range(4985, 5000)]
    assert both_ends(tmp_path / "none") == []
