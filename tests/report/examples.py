"""Recordings to render: each outcome, one cut short, one with names that would like to be HTML."""

from __future__ import annotations

from loadlab.recording.model import Entity, ErrorKind, Event, Phase, Recording, ServiceMeta
from tests.build import Builder, Proc, system

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


def hostile() -> Recording:
    built = system(Proc(cores=0.96, busy=0.99))
    built.services["app"] = ServiceMeta("app", "app", "command", 1, command=("python", HOSTILE), cwd="/srv/app")
    built.errors.append(ErrorKind(HOSTILE, HOSTILE, 3, 21.0, 22.0, HOSTILE))
    built.events.append(Event(22.0, "note", data={"text": HOSTILE}))
    built.stack("app", "gil", (HOSTILE, f"/srv/app/{HOSTILE}", 47, 400))
    built.gauge("edges.connections", Entity("edge", "app", name=HOSTILE), 2)
    built.gauge("edges.outstanding", Entity("edge", "app", name=HOSTILE), 2)
    return built.recording()


ALL = {each.__name__: each for each in (bottleneck, none, generator, unknown, cut_short, hostile)}
