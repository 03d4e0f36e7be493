"""Short descriptions of systems, and the verdict each must get: at several noise levels, and next to its
look-alikes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, ErrorKind, Event
from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import Signals
from loadlab.signals.elasticity import Elasticity
from tests.build import Builder, Fixed, Proc, Thread, loop, system

NOISE = (0.0, 0.1, 0.2)


def one_core(noise: float) -> Builder:
    return system(Proc(cores=0.96, busy=0.99), noise=noise)


def half_busy(noise: float) -> Builder:
    return system(Proc(cores=0.45, busy=0.5), growth=1.8, noise=noise)


def two_workers(noise: float) -> Builder:
    return system(Proc(cores=0.87, run_delay=0.12), Proc(cores=0.88, run_delay=0.11), rps=400, noise=noise)


def three_on_two(noise: float) -> Builder:
    return system(*(Proc(cores=0.58, run_delay=0.4, instance=i) for i in range(3)), rps=400, noise=noise)


def two_workers_of_eight(noise: float) -> Builder:
    return system(Proc(cores=0.96), Proc(cores=0.95), rps=400, noise=noise, cores=8)


def asleep(noise: float) -> Builder:
    built = system(Proc(cores=0.08, threads=[loop(0.08, blocked={"sleep": 0.9}, idle=0.01)]), noise=noise)
    return built.stack("app", "all", ("fetch", "/srv/app/views.py", 31, 90), ("home", "/srv/app/views.py", 5, 10))


def waits_for_socket(noise: float) -> Builder:
    return system(Proc(cores=0.2, threads=[loop(0.2, blocked={"socket_wait": 0.75}, idle=0.02)]), noise=noise)


def watching(connections: int) -> Callable[[float], Builder]:
    """One that waits in epoll, and stands in calls: a loop has connections there, a worker of uWSGI only listens."""

    def built(noise: float) -> Builder:
        thread = loop(0.2, blocked={"socket_wait": 0.75}, idle=0.02)
        thread.watches = connections
        return system(Proc(cores=0.2, threads=[thread]), noise=noise)

    return built


def threads_on_one_core(noise: float) -> Builder:
    many = [Thread(0.12, 0.0, {"running": 0.15, "futex": 0.83}) for _ in range(8)]
    many.append(loop(0.02, idle=0.97))
    built = system(Proc(cores=0.98, threads=many, switches=400), noise=noise)
    for index in range(8):
        built.stack("app", "gil", ("work", "/srv/app/w.py", 12, 40), thread=f"worker-{index}")
    return built


@pytest.mark.parametrize(("looks", "kind"), [(200, Found), (1000, Clear)])
def test_threads_wait_for_an_interpreter_that_is_held_and_for_no_other(looks: int, kind: type[Verdict]) -> None:
    """Of 320 samples of who held it, at two for each look at all threads: 80% of the time, or 16%."""
    built = threads_on_one_core(0.0).stack("app", "all", ("select", "/usr/lib/python3.11/selectors.py", 468, looks))
    pid = next(each.entity.pid for each in built.series["process.rss_bytes"] if each.entity.service == "app")
    built.stacks = [replace(each, pid=pid) for each in built.stacks]
    assert isinstance(ask(units("rules")["gil_contention"], Signals(built.recording())), kind)


def test_many_threads_of_which_each_has_a_little_of_the_core() -> None:
    """Recorded of Granian: 28 threads, each 3.5% of a core, in a regular expression that tries everything."""
    many = [Thread(0.035, 0.0, {"running": 0.06, "futex": 0.94}) for _ in range(28)]
    built = system(Proc(cores=0.98, threads=[loop(0.017, idle=0.92), *many]))
    for index in range(28):
        built.stack("app", "gil", ("heading", "/srv/app/app.py", 9, 20), thread=str(index))
    first = diagnose(built.recording()).bottleneck
    assert first is not None and first.kind == "gil_contention"
    assert first.sentence.startswith("28 threads of app share one core")
    assert first.remedy.text.startswith("First make heading() cheaper: it takes 100% of the core. Then: Use processes")


def idle_pool(noise: float) -> Builder:
    """Threads of a pool that wait for work stand in a futex as well; only the loop computes."""
    pool = [Thread(0.0, 0.0, {"futex": 1.0}) for _ in range(8)]
    return system(Proc(cores=0.97, threads=[loop(0.97, idle=0.01), *pool]), noise=noise)


def sync_workers(noise: float) -> Builder:
    def worker() -> Proc:
        share = {"running": 0.15, "socket_wait": 0.82, "idle_accept": 0.03}
        return Proc(cores=0.15, threads=[Thread(0.15, 0.0, share, "idle_accept")])

    return system(worker(), worker(), noise=noise)


def shared(noise: float, others: float = 0.0, run_delay: float = 0.3) -> Builder:
    """Two services of one process each, which have a machine of two cores between them."""
    built = Builder(noise=noise).service("app", Proc(cores=0.85, run_delay=run_delay, busy=0.97))
    built.service("store", Proc(cores=0.75, run_delay=run_delay, busy=0.9))
    return built.load().generator(cores=0.3).host(others=others)


def starved(noise: float) -> Builder:
    built = Builder(noise=noise).service("app", Proc(cores=0.5, run_delay=0.48)).load().generator()
    return built.host(others=1.35)


def throttled(noise: float) -> Builder:
    built = system(Proc(cores=0.5, run_delay=0.0, busy=0.99), noise=noise)
    entity = Entity("cgroup", "app", 0)
    built.gauge("cgroup.quota_cores", entity, 0.5)
    built.counter("cgroup.periods", entity, 10)
    built.counter("cgroup.throttled_periods", entity, 9.5)
    built.counter("cgroup.usage_s", entity, 0.49)
    built.counter("cgroup.throttled_s", entity, 0.5)
    return built


def leaking(noise: float) -> Builder:
    return system(Proc(cores=0.6, busy=0.7, rss=(50e6, 120e6)), growth=1.8, noise=noise)


def out_of_files(noise: float) -> Builder:
    built = system(Proc(cores=0.2, busy=0.3, fds=63, fd_limit=64), noise=noise)
    built.errors.append(ErrorKind("GET /", "ConnectionRefused", 40, 21.0, 30.0))
    return built


def overflowing(noise: float) -> Builder:
    built = system(Proc(cores=0.97), noise=noise)
    listener = Entity("listener", "app", 0, name="127.0.0.1:8000")
    built.gauge("sockets.accept_queue_max", listener, 129)
    built.gauge("sockets.backlog", listener, 128)
    built.counter("host.listen_overflows", Entity("host"), 20)
    return built


def churning(noise: float) -> Builder:
    built = Builder(noise=noise).service("app", Proc(cores=0.95, system=0.4), uses=("back",))
    built.service("back", Proc(cores=0.3, system=0.15)).load(2000.0).generator().host()
    built.counter("host.tcp_active_opens", Entity("host"), 1900)
    built.counter("sockets.lingering", Entity("listener", "back", 0, name="127.0.0.1:9000"), 900)
    return built.edge("app", "back", outstanding=1).edge("generator", "app", outstanding=15)


def test_a_run_that_failed_says_what_of() -> None:
    built = Builder().service("app", Proc(cores=0.5)).load(20.0, failed=400.0).generator().host()
    built.errors.append(ErrorKind("GET /x", "HTTP 404", 5000, 1.0, 30.0))
    built.errors.append(ErrorKind("GET /x", "HTTP 503", 20, 1.0, 30.0))
    assert "failed, most of them: HTTP 404 for GET /x" in diagnose(built.recording()).sentence


def reconnecting(noise: float, *, system: float, asleep: float) -> Builder:
    """A new connection for each of 80 requests a second, to workers that mostly stand."""
    share = {"sleep": asleep, "running": 1 - asleep}
    worker = Proc(cores=1 - asleep, system=system, threads=[Thread(1 - asleep, 0.0, share, "idle_accept")])
    built = Builder(noise=noise).service("app", worker).load(80.0).generator(connects=80).host()
    return built.edge("generator", "app", outstanding=8)


def test_connections_cost_nothing_where_there_is_cpu_left() -> None:
    """Half of the CPU is the kernel's, but there is hardly any: who stands in a call is not slowed by it."""
    built = reconnecting(0.0, system=0.009, asleep=0.98)
    assert isinstance(ask(units("rules")["connection_churn"], Signals(built.recording())), Clear)


def one_slow(
    noise: float,
    *,
    upstream_ms: tuple[float, ...] = (10, 10, 60),
    share: tuple[float, ...] = (1, 1, 1),
    cores: tuple[float, ...] = (0.2, 0.2, 0.2),
) -> Builder:
    built = Builder(noise=noise)
    built.service("app", *(Proc(cores=each, instance=i) for i, each in enumerate(cores)), ports=(9001, 9002, 9003))
    built.service("lb", Proc(cores=0.1), role="balancer", upstream="app")
    built.target = "lb"
    built.load(growth=1.05).generator().host()
    for port, ms, part in zip((9001, 9002, 9003), upstream_ms, share, strict=True):
        entity = Entity("upstream", "lb", 0, name=f"127.0.0.1:{port}")
        built.counter("nginx.requests", entity, 66 * part)
        built.counter("nginx.response_time_s", entity, 66 * part * ms / 1000)
    return built


def uneven(noise: float) -> Builder:
    built = Builder(noise=noise)
    procs = (Proc(cores=0.96, instance=0), Proc(cores=0.1, instance=1), Proc(cores=0.1, instance=2))
    built.service("app", *procs, ports=(9001, 9002, 9003))
    built.service("lb", Proc(cores=0.1), role="balancer", upstream="app")
    built.target = "lb"
    built.load().generator().host()
    for port, rate in ((9001, 160), (9002, 20), (9003, 20)):
        entity = Entity("upstream", "lb", 0, name=f"127.0.0.1:{port}")
        built.counter("nginx.requests", entity, rate)
        built.counter("nginx.response_time_s", entity, rate * 0.01)
    return built


def downstream(noise: float) -> Builder:
    built = Builder(noise=noise).service("app", Proc(cores=0.2, busy=0.25)).service("back", Proc(cores=0.05, busy=0.08))
    built.load().generator().host()
    return built.edge("generator", "app", outstanding=15.5).edge("app", "back", outstanding=14)


def crashed(noise: float) -> Builder:
    built = system(Proc(cores=0.4, busy=0.5), growth=1.8, noise=noise)
    lines = ["Traceback (most recent call last):", '  File "/srv/app/views.py", line 12, in pay', "KeyError: 'x'"]
    built.events.append(
        Event(25.0, "exited", "app", 0, 110, {"code": 1, "signal": None, "expected": False, "last_lines": lines})
    )
    return built


TIE = [(1.11, 0.97, 0.40, Clear), (1.11, 0.97, 0.93, Found), (1.45, 1.25, 0.40, Found)]


@pytest.mark.parametrize(("value", "low", "cores", "kind"), TIE, ids=["a tie", "no time left", "no tie"])
def test_noise_does_not_decide_between_generator_and_service(
    value: float, low: float, cores: float, kind: type[Verdict]
) -> None:
    """On a machine whose cores are all in use slowing anybody costs throughput; the service, at 1.10, is full."""
    built = Builder().service("app", Proc(cores=0.7, busy=1.0, run_delay=0.28)).load(1825)
    built.process("generator", Proc(cores=cores, run_delay=0.21))
    built.counter("generator.sent", Entity("generator", "generator"), 1825)
    signals = Signals(built.host(others=0.5).recording())
    signals.__dict__["elasticity"] = {
        "app": Elasticity(1.10, 1.03, 1.23, 6, 0.25, 0.27),
        "generator": Elasticity(value, low, 1.60, 6, 0.25, 0.27),
    }
    assert isinstance(ask(units("rules")["generator_saturated"], signals), kind)


def saturated_generator(noise: float) -> Builder:
    built = Builder(noise=noise).service("app", Proc(cores=0.5, busy=0.6)).load().generator(cores=0.97)
    return built.host()


CASES: list[tuple[Callable[[float], Builder], str, str | None, str | None]] = [
    (one_core, "bottleneck", "single_core", "app"),
    (half_busy, "none", None, None),
    (two_workers, "bottleneck", "all_cores", "app"),
    (shared, "bottleneck", "all_cores", "app"),
    (three_on_two, "bottleneck", "all_cores", "app"),
    (two_workers_of_eight, "bottleneck", "single_core", "app"),
    (asleep, "bottleneck", "event_loop_blocked", "app"),
    (waits_for_socket, "bottleneck", "event_loop_blocked", "app"),
    (threads_on_one_core, "bottleneck", "gil_contention", "app"),
    (idle_pool, "bottleneck", "single_core", "app"),
    (sync_workers, "bottleneck", "worker_pool_exhausted", "app"),
    (watching(0), "bottleneck", "worker_pool_exhausted", "app"),
    (watching(8), "bottleneck", "event_loop_blocked", "app"),
    (starved, "bottleneck", "cpu_neighbour", "app"),
    (throttled, "bottleneck", "cpu_quota", "app"),
    (leaking, "bottleneck", "memory_leak", "app"),
    (out_of_files, "bottleneck", "file_descriptors", "app"),
    (overflowing, "bottleneck", "single_core", "app"),
    (churning, "bottleneck", "connection_churn", "app"),
    (one_slow, "bottleneck", "slow_backend", "app"),
    (uneven, "bottleneck", "uneven_backends", "app"),
    (downstream, "bottleneck", "slow_downstream", "back"),
    (crashed, "bottleneck", "service_crashed", "app"),
    (saturated_generator, "generator", None, None),
]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize(("build", "outcome", "kind", "service"), CASES, ids=[each[0].__name__ for each in CASES])
def test_each_system_gets_its_verdict(
    build: Callable[[float], Builder], outcome: str, kind: str | None, service: str | None, noise: float
) -> None:
    diagnosis = diagnose(build(noise).recording())
    first = diagnosis.bottleneck
    assert (diagnosis.outcome, first and first.kind, first and first.service) == (outcome, kind, service), diagnosis


def test_symptoms_are_listed_after_their_cause() -> None:
    diagnosis = diagnose(overflowing(0.0).recording())
    assert [each.kind for each in diagnosis.others] == ["accept_backlog"]


def test_services_that_fill_the_cores_together_are_both_named() -> None:
    assert diagnose(shared(0.0).recording()).sentence.startswith("app together with store uses all 2 CPU cores")


@pytest.mark.parametrize(
    "built",
    [shared(0.0, others=0.4), shared(0.0, run_delay=0.02), system(Proc(cores=0.97, busy=0.99))],
    ids=["a stranger competes", "they do not wait for each other", "one has a core to itself"],
)
def test_who_does_not_share_the_cores(built: Builder) -> None:
    assert not isinstance(ask(units("rules")["all_cores"], Signals(built.recording())), Found)


def test_a_blocked_loop_names_the_users_line() -> None:
    first = diagnose(asleep(0.0).recording()).bottleneck
    assert first is not None
    assert first.where is not None
    assert (first.where.function, first.where.file, first.where.line) == ("fetch", "views.py", 31)


def test_a_crash_names_the_users_line_of_its_traceback() -> None:
    first = diagnose(crashed(0.0).recording()).bottleneck
    assert first is not None
    assert first.where is not None
    assert (first.where.function, first.where.file, first.where.line) == ("pay", "views.py", 12)
    assert all(each.limit is None for each in first.evidence), "a count of exits is held against nothing"


@pytest.mark.parametrize(("last", "kind"), [(16.0, Found), (90.0, Found), (4000.0, Unknown)])
def test_a_queue_that_grows_needs_memory_and_is_no_leak(last: float, kind: type) -> None:
    built = leaking(0.0)
    (waiting,) = built.series["generator.in_flight"]
    built.series["generator.in_flight"] = [
        replace(waiting, v=np.interp(waiting.t, [waiting.t[0], waiting.t[-1]], [16.0, last]))
    ]
    assert isinstance(ask(units("rules")["memory_leak"], Signals(built.recording())), kind)


def test_a_cache_that_fills_up_is_no_leak() -> None:
    built = system(Proc(cores=0.6, busy=0.7, rss=(50e6, 50e6)), growth=1.8)
    series = built.series["process.rss_bytes"][0]
    filled = 50e6 + 40e6 * (1 - 2.718281828 ** (-(series.t - 20).clip(min=0) / 3))
    series.v[:] = filled
    verdict = ask(units("rules")["memory_leak"], Signals(built.recording()))
    assert isinstance(verdict, Clear)


@pytest.mark.parametrize(("grown", "kind"), [(0.2e6, Clear), (20e6, Found)])
def test_where_the_collector_was_asked_it_tells_a_leak_from_a_heap_that_takes_room(grown: float, kind: type) -> None:
    built = system(Proc(cores=0.6, busy=0.7, rss=(50e6, 120e6)), growth=1.8)
    data = {"seconds": 3.0, "before": 8_000_000, "after": int(8e6 + grown)}
    built.events.append(Event(30.0, "alive", "app", 0, 100, data))
    assert isinstance(ask(units("rules")["memory_leak"], Signals(built.recording())), kind)


@pytest.mark.parametrize(("kept", "kind"), [(0.0, Clear), (0.03, Clear), (0.85, Found)])
def test_a_java_heap_that_takes_room_up_to_its_limit_is_no_leak(kept: float, kind: type) -> None:
    built = system(Proc(cores=0.6, busy=0.7, rss=(90e6, 160e6)), growth=1.8)
    rss = built.series["process.rss_bytes"][0]
    built.add("jvm.old_bytes", Entity("process", "app", 0, 100), 8e6 + kept * (np.interp(built.t, rss.t, rss.v) - 90e6))
    assert isinstance(ask(units("rules")["memory_leak"], Signals(built.recording())), kind)


def test_a_big_constant_memory_is_no_leak() -> None:
    verdict = ask(units("rules")["memory_leak"], Signals(system(Proc(rss=(6e9, 6e9))).recording()))
    assert isinstance(verdict, Clear)


def test_a_slow_service_by_design_below_its_limit_is_none() -> None:
    built = system(Proc(cores=0.05, busy=0.06), growth=1.95, rps=40)
    assert diagnose(built.recording()).outcome == "none"


def test_mostly_failing_requests_are_not_judged() -> None:
    built = Builder().service("app", Proc(cores=0.2)).load(50, failed=150).generator().host()
    diagnosis = diagnose(built.recording())
    assert diagnosis.outcome == "unknown"
    assert "failed" in diagnosis.sentence


def test_a_limit_without_a_name_is_unknown() -> None:
    """Throughput is flat and nothing is full: a lock or a pool that no rule knows. No invention."""
    diagnosis = diagnose(system(Proc(cores=0.2, busy=0.25), growth=1.0).recording())
    assert diagnosis.outcome == "unknown"
    assert diagnosis.bottleneck is None


def test_an_open_run_that_left_late_is_not_valid() -> None:
    built = system(Proc(cores=0.2, busy=0.25))
    built.profile = {"model": "open", "rate": 200.0}
    built.histograms = Fixed(lag_ms=80.0)
    verdict = ask(units("rules")["schedule_missed"], Signals(built.recording()))
    assert isinstance(verdict, Found)
