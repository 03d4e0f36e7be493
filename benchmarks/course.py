"""The course of a recorded run as a Markdown table: requests, failures and what probes saw, every few seconds.

    python benchmarks/course.py RUN [--every 5] [probe.metric ...]
    python benchmarks/course.py runs/20261126-120000-autoscaled scaler.serving scaler.value

RUN is a folder, or a system's name for its newest recording in runs/. Of a gauge the highest value of each stretch is
shown, of a counter its growth each second; of several entities the sum, or with @ before the metric the highest.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from loadlab.catalogue import units
from loadlab.flow import read
from loadlab.recording.model import Recording, Series
from loadlab.signals.rates import per_second
from loadlab.signals.windows import Window


def counters() -> set[str]:
    """probe.metric of all that only grow."""
    return {f"{name}.{each.name}" for name, unit in units("probes").items() for each in unit.METRICS
            if each.kind == "counter"}  # fmt: skip


def value(found: Sequence[Series], window: Window, *, grows: bool, highest: bool) -> float | None:
    """Of one stretch; None where nothing was seen in it."""
    if grows:
        values = [per_second(each, window) for each in found]
    else:
        parts = [each.between(window.start, window.end).v for each in found]
        values = [float(np.nanmax(each)) for each in parts if len(each) and not np.isnan(each).all()]
    return (max(values) if highest else sum(values)) if values else None


def table(recording: Recording, metrics: Sequence[str], every: float) -> str:
    """Markdown."""
    start = min((each.start for each in recording.requests), default=0.0)
    end = max((each.end for each in recording.requests), default=0.0)
    growing = counters()
    lines = ["| " + " | ".join(("s", "requests/s", "failed/s", *(each.lstrip("@") for each in metrics))) + " |"]
    lines.append("|---" * (3 + len(metrics)) + "|")
    for at in np.arange(start, end, every):
        window = Window(float(at), float(min(at + every, end)))
        if window.length < every / 2:
            break
        cells = [f"{at - start:.0f}"]
        for result in ("ok", "fail"):
            inside = (each for each in recording.requests if window.start <= each.start < window.end)
            cells.append(f"{sum(each.count for each in inside if each.result == result) / window.length:,.0f}")
        for each in metrics:
            name = each.lstrip("@")
            seen = value(recording.series(name), window, grows=name in growing, highest=each.startswith("@"))
            cells.append("-" if seen is None else f"{seen:,.3g}" if seen < 100 else f"{seen:,.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("run")
    parser.add_argument("metrics", nargs="*")
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    chosen = parser.parse_intermixed_args()
    folder = Path(chosen.run)
    if not folder.is_dir():
        named = [
            each for each in sorted(chosen.runs.glob("2*-*")) if each.name[len("20261126-113248-") :] == chosen.run
        ]
        if not named:
            raise SystemExit(f"{chosen.runs} holds no recording of {chosen.run}")
        folder = named[-1]
    recording = read(folder).recording
    unknown = [each for each in chosen.metrics if each.lstrip("@") not in recording.metrics]
    if unknown:
        raise SystemExit(f"no {', '.join(unknown)} in {folder}; it has {', '.join(recording.metrics)}")
    print(table(recording, chosen.metrics, chosen.every))


if __name__ == "__main__":
    main()
