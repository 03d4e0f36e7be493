"""The nouns a user writes: Spec (a system under test) and Profile (how it is loaded). Frozen; see docs/formats.md.

Strict: unknown keys and wrong types are refused: "5" is no number, 1 is no yes; a whole number will do for a float.
What no single field can tell lives in spec/checks/.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=60)]
Arguments = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
"""TOML has arrays where Python has tuples: only the container is converted, each argument still has to be text."""
Role = Literal["app", "balancer", "cache", "database", "queue", "worker", "external"]
ShapeName = Literal["constant", "ramp", "steps", "spike", "soak", "breakpoint", "search", "replay", "own"]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]
Method = Annotated[str, Field(pattern=r"^[A-Z]+$")]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Strict(BaseModel):
    """Frozen, no unknown keys, no silent conversions, no `nan` or `inf` (TOML has both)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Ready(Strict):
    """When an instance counts as started. Exactly one of http, tcp, log; none means the default of the fine print."""

    http: str | None = None
    tcp: bool | None = None
    log: str | None = None
    within_s: float = Field(default=20.0, gt=0)


UNITS = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
SIZE = r"^\d+(\.\d+)?\s*(B|KB|MB|GB|KiB|MiB|GiB)$"


def size_bytes(text: str) -> int:
    """`512MB` -> 512000000. Raises ValueError for what is no size."""
    found = re.match(SIZE, text)
    if found is None:
        raise ValueError(f'{text!r} is no size; write it like "512MB" or "1.5GiB"')
    unit = found[2]
    return int(float(text.removesuffix(unit)) * UNITS[unit])


BITS = {"Kbit": 1000, "Mbit": 1000**2, "Gbit": 1000**3}
BANDWIDTH = r"^\d+(\.\d+)?\s*(Kbit|Mbit|Gbit)$"


class Limits(Strict):
    """What an instance may use. Enforced, or an error where this machine cannot."""

    cpu: float | None = Field(default=None, gt=0)
    """Cores."""
    memory: str | None = Field(default=None, pattern=SIZE)
    files: int | None = Field(default=None, ge=16)
    """Open files (RLIMIT_NOFILE, hard)."""
    network: Literal["own", "shared"] | None = None
    """own: a network namespace for each instance, with a loopback and source ports of its own. Default: shared."""
    bandwidth: str | None = Field(default=None, pattern=BANDWIDTH)
    """A second, in each direction; of an instance whose network is its own."""

    @property
    def bandwidth_bits(self) -> int | None:
        """`bandwidth` in bits a second."""
        found = re.match(BANDWIDTH, self.bandwidth) if self.bandwidth is not None else None
        return int(float(found[0].removesuffix(found[2])) * BITS[found[2]]) if found is not None else None

    @property
    def memory_bytes(self) -> int | None:
        """`memory` in bytes: MB are 1000 * 1000, MiB are 1024 * 1024."""
        return None if self.memory is None else size_bytes(self.memory)


class Autoscale(Strict):
    """When instances are added and removed, one at a time. services/_scaling.py says how they are weighed."""

    min: int = Field(ge=1)
    max: int = Field(ge=1, le=64)
    metric: Literal["cpu", "in_flight"] = "cpu"
    """Mean over the instances that take requests. cpu: per cent of `limits.cpu`, or of one core; in_flight: requests
    without an answer yet."""
    out_above: float = Field(gt=0)
    in_below: float = Field(ge=0)
    out_cooldown_s: float = Field(default=60, ge=0)
    in_cooldown_s: float = Field(default=120, ge=0)
    over_s: float = Field(default=3, gt=0)
    """The metric is its mean over the last so many seconds."""


class Attach(Strict):
    """A service somebody else started: exactly one of port, pid, url."""

    port: int | None = Field(default=None, ge=1, le=65535)
    pid: int | None = Field(default=None, ge=1)
    url: str | None = None


class Change(Strict):
    """One thing that `loadlab run --try-remedy` may change: an environment variable, `to` a value or so many `times`
    the one it has; or, of a database, SQL that is run after `init`."""

    env: str | None = Field(default=None, min_length=1)
    to: str | int | float | None = None
    times: float | None = Field(default=None, gt=0)
    sql: str | None = Field(default=None, min_length=1)


class ServiceSpec(Strict):
    """One service: started from `command`, by a unit loadlab knows (`uses`), or attached."""

    name: Name
    role: Role | None = None
    command: Arguments | None = None
    uses: str | None = None
    attach: Attach | None = None
    cwd: str = "."
    instances: int = Field(default=1, ge=1, le=64)
    port: int | None = Field(default=None, ge=1, le=65535)
    """A fixed port, for a single instance; default: a free one."""
    ready: Ready | None = None
    env: dict[str, str] = Field(default_factory=dict)
    pass_env: tuple[Variable, ...] = Field(default=(), strict=False)
    """Variables that it is given as loadlab itself has them. Only their names are kept in a recording."""
    limits: Limits | None = None
    restart: Literal["never", "on-exit"] = "never"
    autoscale: Autoscale | None = None
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    scheme: Literal["http", "https"] = "http"
    verify: bool = True
    ca: str | None = None
    setup: Arguments | None = None
    remedies: dict[str, Change] = Field(default_factory=dict)
    """By the step of a verdict's remedy (`bigger_pool`, `more_workers`, ...): how it is applied here."""

    @property
    def at_start(self) -> int:
        """How many instances are started before there is any load."""
        return self.instances if self.autoscale is None else max(self.instances, self.autoscale.min)

    @property
    def at_most(self) -> int:
        """How many instances there can be at once."""
        return self.instances if self.autoscale is None else max(self.instances, self.autoscale.max)

    @property
    def is_apart(self) -> bool:
        """Whether each instance has a network namespace of its own."""
        return self.limits is not None and self.limits.network == "own"

    @property
    def unit(self) -> str:
        """The unit of loadlab/services/ that plans this service."""
        return self.uses or ("attached" if self.attach is not None else "command")


class LoadSpec(Strict):
    """What is asked of the system."""

    target: str | None = None
    locustfile: str | None = None
    path: str = "/"
    profile: str = "ramp"
    think_s: float = Field(default=0.0, ge=0)
    processes: int = Field(default=1, ge=1, le=64)
    """Of the load generator: each has one core."""


class Spec(Strict):
    """A system under test. `folder` is where relative paths start; it is not written by the user."""

    name: Name
    description: str = ""
    load: LoadSpec = Field(default_factory=LoadSpec)
    service: Annotated[tuple[ServiceSpec, ...], Field(strict=False, min_length=1)]
    folder: Path = Path()

    @property
    def target(self) -> ServiceSpec:
        """The service that gets the load: `load.target`, else the balancer, else the first."""
        by_name = {each.name: each for each in self.service}
        if self.load.target is not None:
            return by_name[self.load.target]
        return next((each for each in self.service if each.role == "balancer"), self.service[0])


class Range(Strict):
    """A limit with a lower or an upper end."""

    min: float | None = None
    max: float | None = None


class LimitSet(Strict):
    """Limits that pass or fail a run on their own. A bare number is an upper end."""

    p50_ms: float | Range | None = None
    p90_ms: float | Range | None = None
    p95_ms: float | Range | None = None
    p99_ms: float | Range | None = None
    max_ms: float | Range | None = None
    error_rate: float | Range | None = None
    throughput_rps: float | Range | None = None


class Profile(Strict):
    """How a system is loaded. Durations in seconds; a rate is in requests per second, or in tasks of a locustfile."""

    name: str = "ramp"
    model: Literal["closed", "open"] = "closed"
    shape: ShapeName = "ramp"
    users: int | None = Field(default=None, ge=1)
    spawn_rate: float | None = Field(default=None, gt=0)
    rate: float | None = Field(default=None, gt=0)
    arrivals: Literal["even", "poisson"] = "poisson"
    max_in_flight: int | None = Field(default=None, ge=1)
    """Open model: what is due while so many requests are under way waits, and its wait is in its latency."""
    duration_s: float = Field(default=60.0, ge=5)
    warmup_s: float = Field(default=5.0, ge=0)
    rise_s: float | None = Field(default=None, gt=0)
    """Of a ramp; default a quarter of the duration."""
    levels: Annotated[tuple[float, ...], Field(strict=False, min_length=2, max_length=100)] | None = None
    """Of steps: users, or requests per second, rising."""
    spike_users: int | None = Field(default=None, ge=2)
    spike_rate: float | None = Field(default=None, gt=0)
    spike_s: float | None = Field(default=None, ge=2)
    """How long the spike lasts; default a third of what is left for load."""
    most_users: int | None = Field(default=None, ge=2)
    most_rate: float | None = Field(default=None, gt=0)
    """Where a breakpoint gives up."""
    growth: float = Field(default=1.25, gt=1, le=4)
    """Of a breakpoint: each level is so many times the one before."""
    step_s: float = Field(default=4.0, ge=2)
    """Of a breakpoint: how long each level is held."""
    file: str | None = None
    """Of a replay: a CSV file or an access log."""
    speed: float = Field(default=1.0, gt=0)
    methods: Annotated[tuple[Method, ...], Field(strict=False, min_length=1)] = SAFE_METHODS
    """Of a replay: which methods are sent; a log has no bodies."""
    limits: LimitSet = Field(default_factory=LimitSet)
    """The limits over all endpoints."""
    endpoint_limits: dict[str, LimitSet] = Field(default_factory=dict)
    """Limits per endpoint; in TOML they are tables inside [limits], e.g. "GET /orders" = { p99_ms = 250 }."""
