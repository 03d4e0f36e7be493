"""The table and the picture of docs/systems.md, from recordings of the samples.

    loadlab scoreboard single cluster balanced ...          makes the recordings, about 45 s each
    python benchmarks/systems.py [RUNS] [--svg FILE]

Of each sample the newest recording counts. Prints a table in Markdown; the picture has a bar for each one's throughput.
"""

from __future__ import annotations

import argparse
import html
from dataclasses import dataclass
from pathlib import Path

from loadlab.flow import read
from loadlab.spec import places

ORDER = (
    "single", "cluster", "balanced", "cached", "node-single", "node-cluster", "node-pm2", "sticky", "stateful",
    "stateless", "proxied", "microservices", "autoscaled", "replicated", "replicated-writes", "sharded",
    "sharded-skewed",
)  # fmt: skip
STAMP = len("20261126-113248-")
NAME, BAR, ROW, WIDTH = 150, 430, 26, 840
"""Of the picture, in pixels: room for names, the longest bar, the height of a row, all of it."""


@dataclass(frozen=True)
class Row:
    """One arrangement: the best rate that lasted; of the measured window the rate, latencies in ms, cores and MB of all
    its services."""

    name: str
    rps: float
    held_rps: float
    p50_ms: float
    p99_ms: float
    failed: float
    cores: float
    megabytes: float
    kind: str
    service: str

    @property
    def cpu_s_per_1000(self) -> float:
        """What a thousand requests cost."""
        return 1000 * self.cores / self.held_rps if self.held_rps else 0.0


def rows(runs: Path) -> list[Row]:
    """Of every sample that has a recording."""
    newest = {each.name[STAMP:]: each for each in sorted(runs.glob("2*-*")) if (each / "run.json").is_file()}
    return [row_of(name, newest[name]) for name in ORDER if name in newest and name in samples()]


def samples() -> set[str]:
    """Their names."""
    return {each.parent.name for each in places.samples().glob("*/loadlab.toml")}


def row_of(name: str, folder: Path) -> Row:
    """Judged by the rules of now."""
    diagnosis = read(folder).diagnosis
    capacity, first = diagnosis.capacity, diagnosis.bottleneck
    services = diagnosis.signals.get("services", {}).values()
    return Row(
        name,
        capacity.requests_per_s if capacity else 0.0,
        capacity.steady_rps or capacity.requests_per_s if capacity else 0.0,
        capacity.p50_ms or 0.0 if capacity else 0.0,
        capacity.p99_ms or 0.0 if capacity else 0.0,
        capacity.error_rate if capacity else 0.0,
        sum(each["cpu_cores"] for each in services),
        sum(each["rss_bytes"] for each in services) / 1e6,
        first.kind if first is not None else diagnosis.outcome,
        first.service if first is not None else "",
    )


def table(found: list[Row]) -> str:
    """Markdown."""
    columns = ("arrangement", "best requests/s", "in the window", "p50 ms", "p99 ms", "failed", "CPU s per 1,000", "MB")
    lines = ["| " + " | ".join((*columns, "what limits")) + " |", "|---" * (len(columns) + 1) + "|"]
    for each in found:
        limits = f"`{each.kind}`" + (f", `{each.service}`" if each.service else "")
        figures = (
            f"{each.rps:,.0f} | {each.held_rps:,.0f} | {each.p50_ms:.1f} | {each.p99_ms:.0f} | {100 * each.failed:.1f}%"
        )
        lines.append(f"| `{each.name}` | {figures} | {each.cpu_s_per_1000:.2f} | {each.megabytes:,.0f} | {limits} |")
    return "\n".join(lines)


def picture(found: list[Row]) -> str:
    """SVG. A logarithmic scale would hide what a step is worth: the longest bar is cut to the double of the next."""
    ranked = sorted((each.rps for each in found), reverse=True)
    top = min(ranked[0], 2 * ranked[1]) if len(ranked) > 1 else ranked[0]
    says = "Requests per second of each arrangement, and what limits it"
    size = f"0 0 {WIDTH} {ROW * len(found) + 10}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" font-size="13">'
    parts = [f"{head}<title>{says}</title>"]
    for index, each in enumerate(found):
        y, length = 5 + ROW * index, BAR * min(1.0, each.rps / top)
        cut = " (bar cut)" if each.rps > top else ""
        parts.append(
            f'<text x="{NAME - 8}" y="{y + 16}" text-anchor="end">{html.escape(each.name)}</text>'
            f'<rect x="{NAME}" y="{y + 3}" width="{length:.0f}" height="{ROW - 8}" rx="3" fill="#0969da"/>'
            f'<text x="{NAME + length + 8:.0f}" y="{y + 16}">{each.rps:,.0f}{cut} '
            f'<tspan fill="#59636e">{html.escape(each.kind)}</tspan></text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("runs", type=Path, nargs="?", default=Path("runs"))
    parser.add_argument("--svg", type=Path, help="where the picture goes")
    chosen = parser.parse_args()
    found = rows(chosen.runs)
    if not found:
        raise SystemExit(f"{chosen.runs} holds no recording of a sample; make some: loadlab scoreboard single cluster")
    print(table(found))
    if chosen.svg is not None:
        chosen.svg.write_text(picture(found), encoding="utf-8")


if __name__ == "__main__":
    main()
