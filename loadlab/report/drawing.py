"""The system as a diagram: the generator at the left, then whoever is called by whom. Boxes and lines with places."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.diagnosis.model import Diagnosis
from loadlab.recording.model import Meta
from loadlab.report.words import megabytes, percent

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 210, 92, 124, 26, 14


@dataclass(frozen=True)
class Box:
    """One service. `lines` are what it shows below its name; `mark` says why it is marked, "" where it is not."""

    name: str
    role: str
    x: int
    y: int
    lines: tuple[str, ...]
    mark: str = ""
    copies: int = 1


@dataclass(frozen=True)
class Arrow:
    """From box to box, with what flows."""

    x1: int
    y1: int
    x2: int
    y2: int
    label: str


@dataclass(frozen=True)
class Drawing:
    """All of it, and its size."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int
    says: str
    """The same in words, for those who do not see it."""


def draw(meta: Meta, diagnosis: Diagnosis) -> Drawing:
    """Columns by distance from the generator."""
    calls = _calls(meta, diagnosis)
    columns = _columns(meta, calls)
    tallest = max(len(each) for each in columns)
    places: dict[str, tuple[int, int]] = {}
    for column, names in enumerate(columns):
        offset = (tallest - len(names)) * (HEIGHT + GAP_Y) // 2
        for row, name in enumerate(names):
            places[name] = (MARGIN + column * (WIDTH + GAP_X), MARGIN + 8 + offset + row * (HEIGHT + GAP_Y))
    boxes = tuple(_box(name, place, meta, diagnosis) for name, place in places.items())
    arrows = tuple(
        _arrow(places[a], places[b], label) for (a, b), label in calls.items() if a in places and b in places
    )
    width = 2 * MARGIN + len(columns) * WIDTH + (len(columns) - 1) * GAP_X + 10
    height = 2 * MARGIN + 16 + tallest * HEIGHT + (tallest - 1) * GAP_Y
    says = "; ".join(f"{a} calls {b}" for a, b in calls)
    return Drawing(boxes, arrows, width, height, says)


def _calls(meta: Meta, diagnosis: Diagnosis) -> dict[tuple[str, str], str]:
    """Who calls whom: as configured, and as seen on the wire."""
    names = {each.name for each in meta.services}
    calls: dict[tuple[str, str], str] = {("generator", meta.target): ""}
    for service in meta.services:
        for other in (*service.uses, service.upstream):
            if other in names:
                calls.setdefault((service.name, other), "")
    waiting: dict[tuple[str, str], float] = {}
    for edge in diagnosis.signals.get("edges", []):
        key = (edge["from"], edge["to"])
        if key[0] in names | {"generator"} and edge["connections"] >= 0.5:
            waiting[key] = waiting.get(key, 0.0) + edge["outstanding"]
    for key, outstanding in sorted(waiting.items()):
        if key in calls or key[1] in names or outstanding >= 0.5:
            calls[key] = f"{outstanding:.1f} waiting"
    return calls


def _columns(meta: Meta, calls: dict[tuple[str, str], str]) -> list[list[str]]:
    depth = {"generator": 0}
    for _ in range(len(calls) + 1):
        for caller, callee in calls:
            if caller in depth and callee != "generator":
                depth.setdefault(callee, depth[caller] + 1)
    for service in meta.services:
        depth.setdefault(service.name, 1)
    columns: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, column in depth.items():
        columns[column].append(name)
    return [each for each in columns if each]


def _box(name: str, place: tuple[int, int], meta: Meta, diagnosis: Diagnosis) -> Box:
    if name == "generator":
        host = diagnosis.signals.get("host", {})
        limit = "limit" if diagnosis.outcome == "generator" else ""
        cores = host.get("generator_cores")
        users = f"{diagnosis.capacity.users} users" if diagnosis.capacity else ""
        return Box(name, "load", *place, _known(users, cores is not None and f"{cores:.2f} cores"), limit)
    service = next((each for each in meta.services if each.name == name), None)
    if service is None:
        return Box(name, "not watched", *place, ())
    figures = diagnosis.signals.get("services", {}).get(name, {})
    busy = figures.get("loop_busy")
    first = diagnosis.bottleneck
    return Box(
        name,
        service.role if service.unit == "command" else f"{service.role}, {service.unit}",
        *place,
        _known(
            "cpu_cores" in figures and f"{figures['cpu_cores']:.2f} cores, {megabytes(figures.get('rss_bytes'))}",
            busy is not None and f"busy {percent(busy)}",
        ),
        first.kind.replace("_", " ") if first is not None and first.service == name else "",
        service.instances,
    )


def _known(*texts: str | bool) -> tuple[str, ...]:
    return tuple(each for each in texts if isinstance(each, str) and each)


def _arrow(start: tuple[int, int], end: tuple[int, int], label: str) -> Arrow:
    return Arrow(start[0] + WIDTH, start[1] + HEIGHT // 2, end[0] - 4, end[1] + HEIGHT // 2, label)
