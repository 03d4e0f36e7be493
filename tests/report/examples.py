"""Recordings to render: each outcome, a chain of services, one cut short, one with names that would like to be HTML."""

from __future__ import annotations

from loadlab.diagnosis.model import Capacity, Diagnosis, Finding, LimitResult, Next, Proof, Remedy
from loadlab.recording.model import Entity, ErrorKind, Event, Phase, Recording, ServiceMeta
from loadlab.rules import Evidence, Where
from tests.build import STACKS, Builder, Proc, system

HOSTILE = "</script><img src=x onerror=alert(1)>"


def bottleneck() -> Recording:
    built = system(Proc(cores=0.96, busy=0.99), noise=0.1)
    lines = [("relevance", "/srv/app/catalog.py", 47, 400), ("price", "/srv/app/pricing.py", 9, 80)]
    return (
        built.stack("app", "gil", *lines)
        .stack("app", "all", *lines)
        .edge("generator", "app", outstanding=15)
        .recording()
    )


def none() -> Recording:
    return system(Proc(cores=0.3, busy=0.4), growth=1.9, noise=0.1).recording()


def generator() -> Recording:
    return Builder().service("app", Proc(cores=0.5, busy=0.6)).load().generator(cores=0.97).host().recording()


def unknown() -> Recording:
    return system(Proc(cores=0.2, busy=0.25), growth=1.0).recording()


def cut_short() -> Recording:
    """Killed while it started: no load, no samples, no ticks."""
    meta = system(Proc()).recording().meta
    return Recording(meta, phases=(Phase("start", 0.0, 0.5),))


def chain() -> Recording:
    """A balancer before five workers of an app that calls a store; a worker crashes twice; the proof was made."""
    built = Builder(noise=0.05, cores=4)
    built.service("front", Proc(cores=0.05, busy=0.1), role="balancer", upstream="app", uses=("app",))
    workers = [Proc(cores=0.36, busy=0.99, run_delay=0.4, instance=number) for number in range(5)]
    built.service("app", *workers, uses=("store",)).service("store", Proc(cores=0.1, busy=0.1), role="database")
    built.target = "front"
    built.load(800.0, failed=2.0, users=64).generator(0.2).host()
    for caller, callee, waiting in (("generator", "front", 60), ("front", "app", 58), ("app", "store", 0.4)):
        built.edge(caller, callee, outstanding=waiting)
    for second in (25.0, 41.0):
        lines = ["ready", "Traceback (most recent call last):", "MemoryError"]
        built.events.append(
            Event(second, "exited", "app", 2, data={"code": 1, "signal": None, "expected": False, "last_lines": lines})
        )
    built.events += slowed({"app": 0.9, "store": 0.0, "generator": 0.0})
    built.errors.append(ErrorKind("GET /", "502 Bad Gateway", 72, 25.1, 41.9, "502 Bad Gateway: <html>nobody</html>"))
    return built.recording()


def slowed(truth: dict[str, float], share: float = 0.25, rate: float = 800.0) -> list[Event]:
    """Windows of half a second, undisturbed ones between those with a candidate stopped."""
    found = []
    t = STACKS[1]
    for number in range(4):
        for name, elasticity in truth.items():
            for candidate, taken in (("", 0.0), (name, share)):
                completed = round(0.5 * rate * (1 - elasticity * taken) * (1 + 0.004 * (number - 1.5)))
                data = {"candidate": candidate, "start": t, "end": t + 0.5, "share": taken, "completed": completed}
                found.append(Event(t, "slowed", candidate, data=data))
                t += 0.5
    data = {"candidate": "", "start": t, "end": t + 0.5, "share": 0.0, "completed": round(0.5 * rate)}
    return [*found, Event(t, "slowed", data=data)]


def hostile() -> Recording:
    built = system(Proc(cores=0.96, busy=0.99))
    built.services["app"] = ServiceMeta("app", "app", "command", 1, command=("python", HOSTILE), cwd="/srv/app")
    built.errors.append(ErrorKind(HOSTILE, HOSTILE, 3, 21.0, 22.0, HOSTILE))
    built.events.append(Event(22.0, "note", data={"text": HOSTILE}))
    built.events.append(Event(23.0, "exited", "app", data={"code": 1, "expected": False, "last_lines": [HOSTILE]}))
    built.stack("app", "gil", (HOSTILE, f"/srv/app/{HOSTILE}", 47, 400))
    built.gauge("edges.connections", Entity("edge", "app", name=HOSTILE), 2)
    built.gauge("edges.outstanding", Entity("edge", "app", name=HOSTILE), 2)
    return built.recording()


ALL = {each.__name__: each for each in (bottleneck, none, generator, unknown, chain, cut_short, hostile)}


def verdict() -> Diagnosis:
    """One written by hand, with everything a diagnosis can hold: the texts made from it change with no rule."""
    evidence = (
        Evidence("loop_busy", 0.991234567, "the event loop was busy 99% of the time", 0.95),
        Evidence("core_share", 1 / 3, "a | pipe, a `tick` and a <tag>"),
    )
    remedy = Remedy("cluster", "Run one worker per core.", 1.9)
    where = Where("render", "shop/app.py", 42, 0.71)
    first = Finding(
        "single_core",
        "cpu",
        "app",
        "confirmed",
        "app is limited by one CPU core: render() at shop/app.py:42 takes 71% of it",
        evidence,
        remedy,
        instance=0,
        pid=4242,
        where=where,
        proof=Proof(0.25, 0.97, 0.91, 1.03),
    )
    other = Finding(
        "memory_leak", "memory", "app", "suspected", "app leaks 2 MB/s", (), Remedy("fix_leak", "Find what holds it.")
    )
    return Diagnosis(
        "bottleneck",
        "app is limited by one CPU core: render() at shop/app.py:42 takes 71% of it.",
        first,
        others=(other,),
        clear=("cpu_quota", "host_unstable"),
        unknown=(("accept_backlog", "the probe sockets failed: permission denied"),),
        capacity=Capacity(412.0, 24, 21.0, 61.2, 0.0042, 410.5, 20.9, 40.1),
        generator={"lateness_p99_ms": 0.4, "reader_lag_p99_ms": 1.2, "cpu": 0.31, "kernel_stamped": 1.0, "not_sent": 0},
        load={
            "model": "closed",
            "shape": "ramp",
            "says": ["the knee lies at 11 users (9 to 13), 97% sure; measured with 24 users"],
            "knee": {
                "users": 24,
                "flat": True,
                "at": 11.2,
                "low": 9.4,
                "high": 13.1,
                "confidence": 0.97,
                "best_rps": 412.0,
            },
        },
        observer={"cpu": 0.024, "cost": 0.012, "probes": []},
        limits=(
            LimitResult("", "p95_ms", None, 120.0, 87.25, passed=True),
            LimitResult("GET /orders", "p99_ms", None, 250.0, None, passed=False),
        ),
        signals={"elasticity": {"app": {"value": 0.97, "low": 0.91, "high": 1.03, "share": 0.25}}},
        next_step="Run one worker per core.",
        next=Next(
            None,
            "cores",
            782.8,
            1.9,
            "the machine's cores: services and load generator use 1.05 of 2 at 412 requests/s",
        ),
    )
