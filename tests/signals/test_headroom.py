"""How far each station is from its limit: what limits next, and at what rate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.recording.model import Entity
from loadlab.signals import Missing, Signals
from loadlab.signals.headroom import Headroom, Place
from tests.build import Builder, Proc, Thread, loop, system

SEEDS = pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.1, 1), (0.1, 2), (0.3, 3)])


def headroom(built: Builder) -> Headroom:
    return Signals(built.recording()).headroom


@SEEDS
def test_after_one_full_core_the_machine_is_next_and_the_generator_counts(noise: float, seed: int) -> None:
    built = Builder(noise=noise, seed=seed, cores=4).service("app", Proc(cores=1.0, busy=1.0)).load(500).generator(0.25)
    found = headroom(built.host()).next("app", ("core", "loop", "workers"))
    assert found is not None and (found.service, found.resource) == ("", "cores")
    assert found.factor == pytest.approx(4 / 1.25, rel=0.1)


@SEEDS
def test_a_second_service_near_its_own_core_comes_before_the_machine(noise: float, seed: int) -> None:
    built = Builder(noise=noise, seed=seed, cores=8)
    built.service("app", Proc(cores=0.98, busy=1.0)).service("db", Proc(cores=0.7, busy=0.75)).load(400).generator(0.1)
    found = headroom(built.host()).next("app", ("core", "loop", "workers"))
    assert found is not None and (found.service, found.resource) == ("db", "core")
    assert found.factor == pytest.approx(1 / 0.7, rel=0.12)


def test_a_blocked_loop_that_stands_still_no_more_still_needs_its_cpu() -> None:
    process = Proc(cores=0.25, threads=[loop(0.25, blocked={"socket_wait": 0.73})])
    found = headroom(system(process))
    assert found.places[0].resource == "loop"
    after = found.next("app", ("loop", "workers"))
    assert after is not None and after.resource == "core"
    assert after.factor == pytest.approx(4.0, rel=0.1)


def test_waiting_workers_are_counted_together() -> None:
    waiting = {"running": 0.05, "socket_wait": 0.9, "idle_accept": 0.05}
    workers = [Proc(cores=0.05, instance=each, threads=[Thread(0.05, 0, waiting, "idle_accept")]) for each in range(4)]
    place = next(each for each in headroom(system(*workers)).places if each.resource == "workers")
    assert (place.used, place.servers) == (pytest.approx(3.8, rel=0.05), 4)


def test_a_service_that_needs_nothing_any_more_takes_its_cpu_along() -> None:
    built = Builder(cores=2).service("app", Proc(cores=0.4)).service("db", Proc(cores=1.2)).load(300).generator(0.2)
    found = headroom(built.host()).next("db", (), spared=True)
    assert found is not None and (found.service, found.resource) == ("app", "core")
    assert found.factor == pytest.approx(2.5, rel=0.1)


def test_workers_that_wait_for_a_service_wait_no_more_once_it_needs_nothing() -> None:
    """As recorded of two synchronous workers before a database whose index was missing: told at 1.1 times, mended at
    six times the rate."""
    waiting = {"running": 0.08, "socket_wait": 0.82, "idle_accept": 0.1}
    workers = [Proc(cores=0.08, instance=each, threads=[Thread(0.08, 0, waiting, "idle_accept")]) for each in range(2)]
    built = system(*workers)
    for thread in [each.entity for each in built.series["threads.samples"] if each.entity.service == "app"]:
        built.counter("waits.samples", replace(thread, kind="wait", name="db/0"), 50.0 * 0.81)
    (place,) = [each for each in headroom(built).places if each.resource == "workers"]
    left = place.without("db")
    assert place.factor == pytest.approx(1.1, abs=0.05)
    assert left is not None and left.factor > 5


def test_what_is_hardly_used_tells_nothing() -> None:
    built = Builder(cores=64).service("app", Proc(cores=1.0, busy=1.0)).load(500).generator(0.02).host()
    assert headroom(built).next("app", ("core", "loop", "workers")) is None


def test_of_cores_that_are_used_by_an_eighth_no_rate_is_foretold() -> None:
    """As recorded of a Node process before a pool of three connections, a tenth of a core for 77 requests/s: 620 were
    foretold for the machine; with a bigger pool it answered 2,450."""
    built = Builder(cores=2).service("app", Proc(cores=0.11)).service("bank", Proc(cores=0.08)).load(77).generator(0.05)
    assert headroom(built.host()).next("app", ("connections",)) is None


def test_of_a_machine_that_is_partly_stolen_no_rate_is_foretold() -> None:
    built = Builder(cores=2).service("app", Proc(cores=0.6)).load(200).generator(0.1)
    with pytest.raises(Missing, match="hypervisor"):
        headroom(built.host(steal=0.3))


def test_a_station_carries_what_it_carries_today() -> None:
    assert Place("app", "core", 1.02, 1.0).factor == 1.0


def test_without_requests_there_is_no_demand() -> None:
    with pytest.raises(Missing):
        headroom(Builder().service("app", Proc()).host())


def test_where_many_are_refused_nobody_knows_what_a_good_answer_needs() -> None:
    """A refusal is cheap: counted as answers, they foretold thousands a second once a limiter allows more."""
    assert headroom(Builder().service("app", Proc(cores=0.5)).load(500, failed=25).generator(0.1).host()).places
    with pytest.raises(Missing, match="33% of the requests failed"):
        headroom(Builder().service("app", Proc(cores=0.5)).load(500, failed=250).generator(0.1).host())


@pytest.mark.parametrize(("growth", "told"), [(60.0, False), (0.0, True)])
def test_a_worker_that_is_left_behind_has_no_room_to_tell(growth: float, told: bool) -> None:
    built = Builder(cores=8).service("app", Proc(cores=0.9)).load(500).generator(0.1)
    built.service("mailer", Proc(cores=0.11), role="worker").service("broker", Proc(cores=0.1), role="cache").host()
    built.add("queues.waiting", Entity("queue", "broker", name="celery"), growth * built.t)
    assert any(each.service == "mailer" for each in headroom(built).places) is told
