"""One picture of a running run, drawn from plain values: at most twenty lines, at any width."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.cli._words import FULL_PHASES, SHOWN, bar, clock, megabytes, milliseconds, sparkline
from loadlab.live import Live, ServiceLive

MOST_SERVICES = 9
"""Rows of services: the picture stays below twenty lines."""
NARROW = 72
"""Columns below which bars are left away."""
ENDED = 16
"""Columns for the cores of programs that ended."""
NAME = 34
"""Columns of a service's name."""
HOT = 0.9
WARM = 0.7
BAR = 10
SPARKLINE = 60
"""Seconds. With it no line is wider than 78 columns: a terminal made narrower than before wraps none of them."""


@dataclass(frozen=True)
class Frame:
    """What is on the screen. Times in seconds; `history`: requests per second, one a second."""

    system: str
    profile: str
    duration_s: float
    elapsed_s: float
    done: tuple[str, ...]
    phase: str
    phase_s: float
    phase_left_s: float
    live: Live | None
    history: tuple[float, ...]
    cores: int


def draw(frame: Frame, width: int) -> RenderableType:
    """Head, phases, load, services."""
    parts: list[RenderableType] = [_head(frame, width), _phases(frame, width)]
    if frame.live is not None:
        parts += [Text(), _load(frame.live, frame.history, width)]
        if frame.live.services:
            parts += [Text(), _services(frame.live.services, frame.cores, width)]
    return Group(*parts)


def _head(frame: Frame, width: int) -> Text:
    time = f"  {clock(frame.elapsed_s)} of about {clock(frame.duration_s)}"
    left = Text.assemble((frame.system, "bold"), (f"  profile {frame.profile}", "dim"))
    left.truncate(max(8, width - len(time)), overflow="ellipsis")
    return left.append(time)


def _phases(frame: Frame, width: int) -> Text:
    text = Text(overflow="ellipsis", no_wrap=True)
    for name in frame.done:
        text.append(f"✓ {name}  ", "green")
    text.append(f"{frame.phase} ", "bold cyan")
    room = min(30, width - text.cell_len - 8)
    if frame.phase_s >= 1 and room >= 8:
        share = 1 - frame.phase_left_s / frame.phase_s
        text.append("━" * round(room * share), "cyan")
        text.append("━" * (room - round(room * share)), "bright_black")
        text.append(f" {clock(frame.phase_left_s)}")
    elif width >= NARROW:
        text.append(FULL_PHASES.get(frame.phase, ""), "dim")
    return text


def _load(live: Live, history: tuple[float, ...], width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 3))
    failing = "bold red" if live.error_share > 0 else "yellow" if live.errors else ""
    cells = (
        _pair("users", str(live.users)),
        _pair("requests/s", f"{live.rps:.0f}"),
        _pair("p50", milliseconds(live.p50_ms)),
        _pair("p99", milliseconds(live.p99_ms)),
        _pair("errors", str(live.errors), failing),
    )
    if width < NARROW:
        grid.add_row(*cells[:3])
        grid.add_row(*cells[3:])
    else:
        grid.add_row(*cells)
    line = sparkline(list(history), min(SPARKLINE, width - 13))
    return Group(grid, Text.assemble(("throughput ", "dim"), (line, "green"), no_wrap=True))


def _pair(name: str, value: str, style: str = "") -> Text:
    return Text.assemble((name + " ", "dim"), (value, style or "bold"), no_wrap=True)


def _services(services: tuple[ServiceLive, ...], cores: int, width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    brief = width >= NARROW and any(each.ended_cores >= SHOWN for each in services[:MOST_SERVICES])
    room = max(9, min(NAME, width - 44) - ENDED * brief)
    table.add_column("service", overflow="ellipsis", no_wrap=True, min_width=9, max_width=room)
    for name in ("CPU cores", "loop busy", "memory"):
        table.add_column(name, no_wrap=True, justify="left")
    if brief:
        table.add_column("ended programs", no_wrap=True)
    for each in services[:MOST_SERVICES]:
        ended = Text(f"{each.ended_cores:.2f} of it") if each.ended_cores >= SHOWN else Text("")
        table.add_row(*_service(each, cores, wide=width >= NARROW), *((ended,) if brief else ()))
    hidden = len(services) - MOST_SERVICES
    if hidden > 0:
        table.add_row(Text(f"and {hidden} more", "dim"), "", "", "")
    return table


def _service(service: ServiceLive, cores: int, *, wide: bool) -> tuple[Text, ...]:
    own = service.name in ("generator", "loadlab")
    name = service.name + (f" x{service.instances}" if service.instances > 1 else "")
    return (
        Text(name, "dim" if own else "bold"),
        _share(service.cpu_cores / max(1, cores), f"{service.cpu_cores:.2f}", own=own, wide=wide),
        _share(service.loop_busy, _percent(service.loop_busy), own=own, wide=wide),
        Text(megabytes(service.rss_bytes), "dim" if own else ""),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}%"


def _share(share: float | None, says: str, *, own: bool, wide: bool) -> Text:
    if share is None:
        return Text(says, "dim")
    style = "dim" if own else "red" if share >= HOT else "yellow" if share >= WARM else "green"
    return Text.assemble((bar(share, BAR) + " ", style) if wide else "", (says.rjust(4), "dim" if own else ""))
