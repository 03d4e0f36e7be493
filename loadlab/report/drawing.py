"""The system as a diagram: the generator first, then whoever is called by whom. Boxes and lines with their places;
across for wide screens, down for narrow ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from loadlab.diagnosis.model import Diagnosis, Finding
from loadlab.recording.model import Meta, ServiceMeta
from loadlab.report.layers import layers
from loadlab.report.waiting import FILE, named
from loadlab.report.words import cores, megabytes, percent

WIDTH, HEAD, BAR, FOOT = 224, 66, 19, 26
"""Of a box: its width, the height of its title and figures, of each process' bar, of the mark below."""
GAP_ACROSS, GAP_DOWN, BETWEEN, MARGIN, COPIES = 132, 62, 24, 14, 8
MOST_BARS = 4
ROOM_FOR_TWO = 34
"""Between two lines that end at one box, from which on a text fits above and below each."""
STANDING = 0.5
"""Threads that stand on a file, mean, from which on it gets a box."""
LONGEST_NAME = 20


@dataclass(frozen=True)
class Call:
    """What is written above and below a line, the share of the caller's requests that wait there, and whether the line
    is part of the chain that most requests follow."""

    above: str = ""
    below: str = ""
    share: float = 0.0
    heavy: bool = False


Calls = dict[tuple[str, str], Call]
"""Who calls whom."""


@dataclass(frozen=True)
class Bar:
    """One process: what it is called, how full it is (0..1), the same in words, and whether it is the one to blame."""

    label: str
    share: float
    says: str
    marked: bool


@dataclass(frozen=True)
class Box:
    """One service. `mark` says why it is marked, "" where it is not; `more` how many processes have no bar."""

    name: str
    role: str
    facts: str
    bars: tuple[Bar, ...] = ()
    more: str = ""
    mark: str = ""
    copies: int = 1

    @property
    def shown(self) -> str:
        """The name, cut to fit."""
        return self.name if len(self.name) <= LONGEST_NAME else self.name[: LONGEST_NAME - 1] + "…"

    @property
    def height(self) -> int:
        """All it shows, one below the other."""
        rows = len(self.bars) + bool(self.more)
        return HEAD + rows * BAR + (FOOT if self.mark else 6)


@dataclass(frozen=True)
class Placed:
    """A box at its place."""

    box: Box
    x: int
    y: int


@dataclass(frozen=True)
class Arrow:
    """A line from box to box: its path, two texts at (x, y), and what it is called in full."""

    path: str
    call: Call
    says: str
    x: float
    y: float
    anchor: str
    both: bool
    """Whether there is room for the text below as well."""


@dataclass(frozen=True)
class Drawing:
    """All of it, and its size."""

    boxes: tuple[Placed, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int


@dataclass(frozen=True)
class System:
    """Both drawings; says: the same in words, for those who do not see it."""

    across: Drawing
    down: Drawing
    says: str


def draw(meta: Meta, diagnosis: Diagnosis) -> System:
    """The services as configured, the edges as configured and as seen on the wire."""
    calls = _calls(meta, diagnosis)
    columns = layers("generator", tuple(calls), tuple(each.name for each in meta.services))
    boxes = {name: _box(name, meta, diagnosis) for names in columns for name in names}
    says = "; ".join([*(f"{a} calls {b}" for a, b in calls), *(_in_words(each) for each in boxes.values())])
    return System(_across(columns, boxes, calls), _down(columns, boxes, calls), says)


def _in_words(box: Box) -> str:
    return f"{box.name}: {box.facts}" + (f", marked: {box.mark}" if box.mark else "")


def _across(columns: list[list[str]], boxes: dict[str, Box], calls: Calls) -> Drawing:
    tall = [sum(boxes[name].height for name in names) + BETWEEN * (len(names) - 1) for names in columns]
    placed: dict[str, Placed] = {}
    for column, names in enumerate(columns):
        x, y = MARGIN + column * (WIDTH + GAP_ACROSS), MARGIN + COPIES + (max(tall) - tall[column]) // 2
        for name in names:
            placed[name] = Placed(boxes[name], x, y)
            y += boxes[name].height + BETWEEN
    ends = _ends(calls, {name: each.y for name, each in placed.items()})
    arrows = tuple(_level(key, placed, calls[key], ends) for key in calls)
    width = 2 * MARGIN + len(columns) * WIDTH + (len(columns) - 1) * GAP_ACROSS + COPIES
    return Drawing(tuple(placed.values()), arrows, width, 2 * MARGIN + COPIES + max(tall))


def _down(columns: list[list[str]], boxes: dict[str, Box], calls: Calls) -> Drawing:
    wide = [len(names) * WIDTH + BETWEEN * (len(names) - 1) for names in columns]
    placed: dict[str, Placed] = {}
    y = MARGIN + COPIES
    for row, names in enumerate(columns):
        for index, name in enumerate(names):
            placed[name] = Placed(boxes[name], MARGIN + (max(wide) - wide[row]) // 2 + index * (WIDTH + BETWEEN), y)
        y += max(boxes[name].height for name in names) + GAP_DOWN
    ends = _ends(calls, {name: each.x for name, each in placed.items()})
    arrows = tuple(_falling(key, placed, calls[key], ends) for key in calls)
    return Drawing(tuple(placed.values()), arrows, 2 * MARGIN + COPIES + max(wide), y - GAP_DOWN + MARGIN)


@dataclass(frozen=True)
class Ends:
    """Where along their boxes' sides lines begin and end, each 0..1, and how many end at the same box."""

    begin: dict[tuple[str, str], float]
    end: dict[tuple[str, str], float]
    many: dict[tuple[str, str], int]


def _ends(calls: Calls, along: dict[str, int]) -> Ends:
    """Lines of one side are spread over it, in the order of where they lead, so that they do not cross there."""
    begin: dict[tuple[str, str], float] = {}
    end: dict[tuple[str, str], float] = {}
    many: dict[tuple[str, str], int] = {}
    for side, found in ((0, begin), (1, end)):
        for name in along:
            mine = sorted((key for key in calls if key[side] == name), key=lambda key: along[key[1 - side]])
            for index, key in enumerate(mine, 1):
                found[key] = index / (len(mine) + 1)
                if side:
                    many[key] = len(mine)
    return Ends(begin, end, many)


def _level(key: tuple[str, str], placed: dict[str, Placed], call: Call, ends: Ends) -> Arrow:
    """From right to left edge; back to an earlier column in an arc below."""
    start, end, says = placed[key[0]], placed[key[1]], _says(key, call)
    both = end.box.height / (ends.many[key] + 1) >= ROOM_FOR_TWO
    x1, y1 = start.x + WIDTH, start.y + round(start.box.height * ends.begin[key])
    x2, y2 = end.x - 3, end.y + round(end.box.height * ends.end[key])
    if x2 < x1:
        x1, x2 = start.x + WIDTH // 2, end.x + WIDTH // 2
        y1, y2 = start.y + start.box.height, end.y + end.box.height + 3
        path = f"M{x1} {y1}C{x1} {y1 + 26} {x2} {y2 + 26} {x2} {y2}"
        return Arrow(path, call, says, (x1 + x2) / 2, y1 + 12, "middle", both)
    bend = min(60, (x2 - x1) // 2)
    # Beside the end: lines that leave one box together are apart there.
    path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return Arrow(path, call, says, x2 - GAP_ACROSS / 2 + 12, y2, "middle", both)


def _falling(key: tuple[str, str], placed: dict[str, Placed], call: Call, ends: Ends) -> Arrow:
    """From bottom to top; back to an earlier row past the right-hand side."""
    start, end, says = placed[key[0]], placed[key[1]], _says(key, call)
    x1, y1 = start.x + round(WIDTH * ends.begin[key]), start.y + start.box.height
    x2, y2 = end.x + round(WIDTH * ends.end[key]), end.y - (COPIES + 3 if end.box.copies > 1 else 3)
    if y2 < y1:
        x1, x2, y1, y2 = start.x + WIDTH, end.x + WIDTH + 3, start.y + 20, end.y + 20
        path = f"M{x1} {y1}C{x1 + 30} {y1} {x2 + 30} {y2} {x2} {y2}"
        return Arrow(path, Call(share=call.share, heavy=call.heavy), says, x1, y1, "start", both=False)
    bend = (y2 - y1) // 2
    path = f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
    # Side by side on a narrow side: one text each, by turns higher and lower.
    lower = 12 * (round(ends.end[key] * (ends.many[key] + 1)) % 2) if ends.many[key] > 1 else 0
    return Arrow(path, call, says, x2 + 9, y2 - GAP_DOWN / 2 + 3 + lower, "start", ends.many[key] == 1)


def _says(key: tuple[str, str], call: Call) -> str:
    return ", ".join([f"{key[0]} calls {key[1]}", *(each for each in (call.above, call.below) if each)])


def _calls(meta: Meta, diagnosis: Diagnosis) -> Calls:
    """As configured, and as seen: addresses outside of the system only where somebody waited for them."""
    names = {each.name for each in meta.services}
    found: Calls = {("generator", meta.target): Call()} if meta.target in names else {}
    for service in meta.services:
        for other in (*service.uses, service.upstream):
            if other in names:
                found.setdefault((service.name, other), Call())
    waiting = diagnosis.signals.get("waiting", {})
    waits, chain = waiting.get("waits", []), ["generator", *waiting.get("chain", [])]
    followed = set(pairwise(chain))
    shares = {(each["from"], each["to"]): each["share"] for each in waits}
    seen: dict[tuple[str, str], list[float]] = {}
    for edge in diagnosis.signals.get("edges", []):
        if edge["from"] in names | {"generator"} and edge.get("connections", 0) >= 0.5:
            total = seen.setdefault((edge["from"], edge["to"]), [0.0, 0.0])
            total[0] += edge.get("outstanding", 0.0)
            total[1] += edge["connections"]
    for key, (outstanding, connections) in sorted(seen.items()):
        if key[0] != key[1] and (key in found or key[1] in names or outstanding >= 0.5):
            share = shares.get(key, 0.0)
            found[key] = Call(
                f"{outstanding:.1f} waiting", f"{connections:.0f} connections", share, key in followed and share > 0
            )
    return found | _files(waits, names, followed)


def _files(waits: list[dict[str, Any]], names: set[str], followed: set[tuple[str, str]]) -> Calls:
    """Files that threads stand on."""
    return {
        (each["from"], each["to"]): Call(
            f"{each['threads']:.1f} threads waiting", "", each["share"], (each["from"], each["to"]) in followed
        )
        for each in waits
        if each["from"] in names and each["to"].startswith(FILE) and each["threads"] >= STANDING
    }


def _box(name: str, meta: Meta, diagnosis: Diagnosis) -> Box:
    if name == "generator":
        return _generator(diagnosis)
    service = next((each for each in meta.services if each.name == name), None)
    if service is None:
        return Box(named(name), "a file" if name.startswith(FILE) else "outside, not watched", "")
    figures = diagnosis.signals.get("services", {}).get(name)
    first = diagnosis.bottleneck if diagnosis.bottleneck is not None and name in diagnosis.bottleneck.services else None
    bars = _bars(figures or {}, first)
    more = len((figures or {}).get("instances", ())) - len(bars)
    return Box(
        name,
        _role(service),
        _facts(figures),
        bars,
        f"and {more} more {'process' if more == 1 else 'processes'}" if bars and more > 0 else "",
        first.kind.replace("_", " ") if first is not None else "",
        _count(service, figures or {}),
    )


def _generator(diagnosis: Diagnosis) -> Box:
    used = diagnosis.signals.get("host", {}).get("generator_cores")
    asked = diagnosis.load.get("asked_per_s")
    users = f"{diagnosis.capacity.users} users" if diagnosis.capacity else ""
    users = f"{asked:.4g} a second" if asked else users
    facts = ", ".join(each for each in (users, "" if used is None else cores(used)) if each)
    mark = "generator saturated" if diagnosis.outcome == "generator" else ""
    return Box("generator", "load", facts, mark=mark)


def _role(service: ServiceMeta) -> str:
    unit = "" if service.unit in ("command", service.name) else service.unit
    many = f"{service.instances} instances" if service.instances > 1 else ""
    if service.autoscale:
        many = f"{service.autoscale.get('min')} to {service.autoscale.get('max')} instances"
    return ", ".join(each for each in (service.role, unit, many) if each)


def _count(service: ServiceMeta, figures: dict[str, Any]) -> int:
    """Instances; of a scaled service those that ran in the measured window."""
    seen = len({each["instance"] for each in figures.get("instances", ())})
    return max(1, seen) if service.autoscale else service.instances


def _facts(figures: dict[str, Any] | None) -> str:
    if not figures:
        return "no figures"
    memory = figures.get("rss_bytes")
    return cores(figures.get("cpu_cores", 0.0)) + ("" if memory is None else f", {megabytes(memory)}")


def _bars(figures: dict[str, Any], first: Finding | None) -> tuple[Bar, ...]:
    """The processes that use most, in their own order."""
    everyone = sorted(figures.get("instances", ()), key=lambda each: (each["instance"], each["pid"]))
    busiest = sorted(everyone, key=lambda each: -_fill(each))[:MOST_BARS]
    alone = len({each["instance"] for each in everyone}) == len(everyone)
    return tuple(
        Bar(
            f"#{each['instance']}" if alone else f"pid {each['pid']}",
            _fill(each),
            _busy_in_words(each),
            first is not None and first.pid == each["pid"],
        )
        for each in everyone
        if each in busiest
    )


def _fill(process: dict[str, Any]) -> float:
    busy = process.get("loop_busy")
    return min(1.0, max(0.0, float(process.get("cpu_cores", 0.0) if busy is None else busy)))


def _busy_in_words(process: dict[str, Any]) -> str:
    busy = process.get("loop_busy")
    return cores(process.get("cpu_cores", 0.0)) if busy is None else f"busy {percent(busy)}"
