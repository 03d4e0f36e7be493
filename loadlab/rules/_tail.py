"""How far the slowest answers lie from the rest: part of rules about what holds some requests up and spares most."""

from __future__ import annotations

from loadlab.rules import Evidence
from loadlab.signals import Signals


def tail(s: Signals) -> list[Evidence]:
    """p99 beside p50; [] where the percentiles are not known."""
    quantiles = s.latency.quantiles
    if quantiles is None:
        return []
    says = f"p99 {quantiles.p99_ms:,.0f} ms, while half of the answers took {quantiles.p50_ms:.1f} ms or less"
    return [Evidence("p99_ms", quantiles.p99_ms, says)]
