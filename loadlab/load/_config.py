"""What a generator is told: made of a spec and a profile, divided among processes, sent as JSON."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadlab.errors import SpecError
from loadlab.load.merge import share
from loadlab.spec.model import Profile, Spec


@dataclass(frozen=True)
class LoadConfig:
    """What the child needs. host: where the load goes, "http://127.0.0.1:8000"."""

    host: str
    path: str = "/"
    locustfile: str | None = None
    think_s: float = 0.0
    model: str = "closed"
    rate: float = 0.0
    arrivals: str = "poisson"
    max_in_flight: int | None = None
    own_shape: bool = False
    """Whether the locustfile's LoadTestShape is to be used; without one the generator does not start."""
    replay: Mapping[str, Any] | None = None
    interval_s: float = 1.0
    """Seconds after which it ends an interval by itself; 0: only when told to."""
    processes: int = 1
    part: tuple[int, int] = (0, 1)
    """Of one process: its place among how many."""
    verify: bool = True
    ca: str | None = None
    workers: int = 0
    """Processes on other hosts, instead of those here."""
    bind: str = "127.0.0.1"
    """Where workers join."""
    log: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)


LOCAL = ("log", "env", "processes", "workers", "bind")
"""What a generator is not told."""


def config(
    spec: Spec, profile: Profile, url: str, log: Path, *, workers: int = 0, bind: str = "127.0.0.1"
) -> LoadConfig:
    """What a spec and a profile ask of the generator. url: where the target answers. Raises SpecError for a pair that
    does not fit."""
    target, load = spec.target, spec.load
    if profile.shape in ("replay", "own") and bool(load.locustfile) != (profile.shape == "own"):
        says = "needs a locustfile with a LoadTestShape" if profile.shape == "own" else "has its requests from its file"
        way = "give one with --locustfile" if profile.shape == "own" else f"leave {load.locustfile} out"
        raise SpecError([f'profile "{profile.name}": the shape {profile.shape} {says}; {way}'])
    if workers and _is_here(urlsplit(url).hostname or "") and not _is_here(bind.rpartition(":")[0] or bind):
        says = f"workers join at {bind}, from other hosts, but {target.name} answers at {url}, which they do not reach"
        raise SpecError([f"{says}; load it by an address of its own: loadlab run --url http://ADDRESS:PORT"])
    many = workers or load.processes
    if profile.max_in_flight is not None and profile.max_in_flight < many:
        says = f"max_in_flight = {profile.max_in_flight} cannot be divided among {many} processes"
        raise SpecError([f'profile "{profile.name}": {says}; let more be under way, or take fewer processes'])
    return LoadConfig(
        host=url,
        path=load.path,
        locustfile=str((spec.folder / load.locustfile).resolve()) if load.locustfile else None,
        think_s=load.think_s,
        model=profile.model,
        arrivals=profile.arrivals,
        max_in_flight=profile.max_in_flight,
        processes=load.processes,
        workers=workers,
        bind=bind,
        own_shape=profile.shape == "own",
        replay=_replay(profile),
        verify=target.verify,
        ca=str((spec.folder / target.ca).resolve()) if target.ca else None,
        log=log,
        env=dict(os.environ),
    )


def _is_here(host: str) -> bool:
    """Whether only this host reaches it."""
    name = host.strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _replay(profile: Profile) -> dict[str, Any] | None:
    """The arguments of load.replay.read."""
    if profile.shape != "replay":
        return None
    how = {"speed": profile.speed, "methods": list(profile.methods), "most_s": profile.duration_s}
    return {"path": profile.file, **how}


def part(config: LoadConfig, index: int, count: int) -> LoadConfig:
    """What one of several processes is told. They end their intervals when they are told to, all at once."""
    most = config.max_in_flight
    return replace(
        config,
        part=(index, count),
        interval_s=0.0,
        max_in_flight=None if most is None else share(most, index, count),
        log=None if config.log is None else config.log.with_name(config.log.name.replace("-0.", f"-{index}.")),
    )


def told(config: LoadConfig) -> dict[str, Any]:
    """What a generator is told of it."""
    return {key: value for key, value in asdict(config).items() if key not in LOCAL}
