"""Numbers and phases, said for people."""

from __future__ import annotations

SHOWN = 0.05
"""Cores of programs that ended from which on they are told apart: less is the tick of the kernel's clock."""

FULL_PHASES = {
    "start": "starting the services",
    "warmup": "warming up",
    "search": "more and more users, until throughput stops rising",
    "breakpoint": "up, level by level, until something breaks",
    "steps": "the steps below the highest",
    "before": "before the spike",
    "after": "after the spike: does it recover?",
    "steady": "the measured window",
    "stacks": "looking at stacks",
    "more_users": "twice the users for a moment: would they bring more?",
    "proof": "slowing each suspect a little, to see which one matters",
    "drain": "no load any more: does anything go on?",
    "stop": "stopping everything",
}
BLOCKS = " ▁▂▃▄▅▆▇█"


def milliseconds(value: float | None) -> str:
    """Three digits, whatever the size: 0.42 ms, 21.3 ms, 1240 ms."""
    if value is None:
        return "-"
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def megabytes(value: float) -> str:
    """84 MB, 1.6 GB; in powers of ten, as the rest of loadlab."""
    return f"{value / 1e6:.0f} MB" if value < 1e9 else f"{value / 1e9:.1f} GB"


def clock(seconds: float) -> str:
    """1:05."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def bar(share: float, width: int) -> str:
    """A bar of blocks, in eighths."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (BLOCKS[rest] if rest else "")).ljust(width)


def sparkline(values: list[float], width: int) -> str:
    """The last `width` values; the highest of them is a full block."""
    shown = values[-width:]
    top = max(shown, default=0.0)
    return "".join(BLOCKS[1 + round(each / top * 7)] if top > 0 else BLOCKS[1] for each in shown)
