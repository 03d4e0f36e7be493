"""What CPU goes into: system calls; with its look-alikes."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict, Where, takes
from loadlab.signals import Signals
from tests.build import Builder, Proc, system


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def shelf(kernel: float = 0.7, rps: float = 400.0, noise: float = 0.0, **options: object) -> Builder:
    """A full core, of which the kernel has `kernel`."""
    return system(Proc(cores=0.97, system=kernel, busy=0.99), rps=rps, noise=noise, **options)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_most_cpu_goes_into_system_calls(noise: float) -> None:
    line = ("ages", "/srv/app/app.py", 31, 300)
    built = shelf(noise=noise).stack("app", "all", line).stack("app", "gil", line)
    found = verdict("kernel_time", built)
    assert isinstance(found, Found)
    assert found.faults[0].where is not None and found.faults[0].where.function == "ages"
    diagnosis = diagnose(built.recording())
    assert diagnosis.bottleneck is not None and diagnosis.bottleneck.kind == "kernel_time"
    assert "single_core" not in {each.kind for each in diagnosis.others}, "it says less of the same"


NOT_THE_KERNEL = [
    (shelf(kernel=0.3), "most is the program's own"),
    (shelf(rps=9000), "a small server that only takes requests and answers"),
    (system(Proc(cores=0.3, system=0.25, busy=0.4)), "it has time left"),
    (shelf(rps=2000).generator(connects=2400.0), "new connections are what the kernel does"),
]


@pytest.mark.parametrize(("built", "why"), NOT_THE_KERNEL, ids=[each[1] for each in NOT_THE_KERNEL])
def test_not_the_kernel(built: Builder, why: str) -> None:
    assert isinstance(verdict("kernel_time", built), Clear), why


@pytest.mark.parametrize(("calls", "expected"), [(1, Found), (15, Clear)])
def test_kernel_time_is_held_against_what_the_service_itself_is_asked(calls: int, expected: type[Verdict]) -> None:
    """Behind a front at 200 requests/s: once each is a lot of kernel for one, fifteen times each is what calls cost."""
    built = Builder().service("app", Proc(cores=0.2, busy=0.3), uses=("back",))
    built.service("back", Proc(cores=0.97, system=0.7, busy=0.99))
    built.load(200).generator().host()
    built.edge("app", "back/0", outstanding=12)
    edge = Entity("edge", "app", 0, name="back/0")
    for metric in ("edges.segments_out", "edges.segments_in"):
        built.counter(metric, edge, 200 * calls)
    assert isinstance(verdict("kernel_time", built), expected)


@pytest.mark.parametrize(("rate", "told"), [(100.0, False), (2000.0, True)])
def test_of_few_new_connections_nothing_is_said_of_the_kernel(rate: float, told: bool) -> None:
    """A hundred connections take a hundredth of a core: whatever else the kernel does is not theirs."""
    built = Builder().service("app", Proc(cores=0.97, system=0.5, busy=0.99), uses=("back",))
    built.service("back", Proc(cores=0.1)).load(rate).generator().host()
    built.counter("host.tcp_active_opens", Entity("host"), rate)
    built.counter("sockets.lingering", Entity("listener", "back", 0, name="127.0.0.1:9000"), rate)
    line = ("connect", "/usr/lib/python3/socket.py", 9, 300)
    built.stack("app", "all", line).stack("app", "gil", line).edge("app", "back", outstanding=1)
    found = verdict("connection_churn", built)
    assert isinstance(found, Found)
    assert ("kernel" in {each.metric for each in found.faults[0].evidence}) is told


def test_what_connections_take_is_what_keeping_them_brings() -> None:
    """As recorded of a client of httpx for each request, whose certificates took 88% of the core: with one client for
    all it answered nine times as many."""
    built = Builder().service("app", Proc(cores=0.97, busy=0.99), uses=("back",))
    built.service("back", Proc(cores=0.02)).load(26.0).generator().host()
    built.counter("host.tcp_active_opens", Entity("host"), 26.0)
    built.counter("sockets.lingering", Entity("listener", "back", 0, name="127.0.0.1:9000"), 26.0)
    lines = (("load_verify_locations", "/usr/lib/python3/ssl.py", 9, 88), ("get", "/srv/app/weather.py", 30, 12))
    built.stack("app", "all", *lines).stack("app", "gil", *lines).edge("app", "back", outstanding=1)
    found = verdict("connection_churn", built)
    assert isinstance(found, Found)
    assert found.faults[0].gain == pytest.approx(8.3, abs=0.1)


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (0.71, ": render() at app.py:4 takes 71% of it"),
        (0.05, ": render() at app.py:4 takes 5% of it"),
        (0.01, "; no line of its own takes more than 1% of it, the rest goes into what it runs on"),
        (None, ""),
    ],
)
def test_a_line_that_takes_next_to_nothing_is_no_answer(share: float | None, says: str) -> None:
    assert takes(Where("render", "app.py", 4, share)) == says
    assert takes(None) == ""
