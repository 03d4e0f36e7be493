"""Numbers and grades as people want to read them."""

from __future__ import annotations

from loadlab.diagnosis.model import Diagnosis, Next, Tried
from loadlab.rules import Evidence
from loadlab.rules import percent as whole

GRADES = {
    "confirmed": "Confirmed by experiment: taking a little capacity away here cost throughput by the same share.",
    "supported": "Supported: independent signals agree; no experiment has proved it.",
    "suspected": "Suspected: one signal points here, or the experiment speaks against it.",
}

NAMES = {"generator": "load generator", "loadlab": "loadlab itself"}
"""Services that are none of the user's, as people call them."""

FAILED = 0.005
"""Share of failed requests from which on it is said beside a gain, and with what they failed."""

SIGNS = {"bottleneck": "▲", "none": "✓", "generator": "✗", "unknown": "?"}
"""What stands before the sentence: colour is not all there is."""

OUTCOMES = {
    "bottleneck": "A bottleneck was found",
    "none": "No limit was reached",
    "generator": "The load generator was the limit",
    "unknown": "The data cannot tell",
}


def milliseconds(value: float | None) -> str:
    """ "6.8 ms", "0.045 ms", "1.27 s"."""
    if value is None:
        return "unknown"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.3f} ms"


def rate(value: float | None) -> str:
    """ "433", "41,200", "7.5" requests a second."""
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def percent(value: float | None, digits: int = 0) -> str:
    """0.714 -> "71%"; whole ones as the rules say them."""
    if value is None:
        return "unknown"
    return f"{100 * value:.{digits}f}%" if digits else whole(value)


def failures(diagnosis: Diagnosis) -> str:
    """With what most requests failed, and where to read on; "" where hardly any did."""
    errors = diagnosis.signals.get("errors") or []
    if diagnosis.capacity is None or diagnosis.capacity.error_rate < FAILED or not errors:
        return ""
    top = errors[0]
    return f"mostly {top['endpoint']}: {top['error']}, {top['count']:,} times; what the services wrote is in logs/"


def megabytes(value: float | None) -> str:
    """Bytes as "36 MB" or "1.2 GB": of 1000 * 1000, as in a system's file."""
    if value is None:
        return "unknown"
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def gain(factor: float | None) -> str:
    """1.9 -> "about 1.9 times today's capacity"; "" where it is not known or would be none."""
    return f"about {factor:.1f} times today's capacity" if factor is not None and factor >= 1.05 else ""


NEXT = {"none": "headroom"}
"""What `after` is the answer to, by outcome."""


def when(outcome: str) -> str:
    """ "after that", or "headroom" where nothing limits yet."""
    return NEXT.get(outcome, "after that")


def after(found: Next) -> str:
    """ "the machine's cores: ... at 842 requests/s; full at about 1,570 requests/s, 1.9 times today's rate"."""
    much = f"{found.factor:.1f} times today's rate" if found.factor >= 1.05 else "hardly more than today's rate"
    when = f"{rate(found.requests_per_s)} requests/s"
    before = ", if nothing else limits before" if found.at_most else ""
    return f"{found.why}; full at about {when}, {much}{before}"


def tried(found: Tried) -> str:
    """ "2 instances of app instead of 1, behind nginx: predicted +92%, measured +88% (80 to 95%)"."""
    if found.measured is None or found.low is None or found.high is None:
        return f"not tried: {found.not_tried}" if not found.change else f"{found.change}: not tried: {found.not_tried}"
    low, high = signed(found.low), signed(found.high).removeprefix("+")
    foretold = "nothing was predicted" if found.predicted is None else f"predicted {signed(found.predicted)}"
    text = f"{found.change}: {foretold}, measured {signed(found.measured)} ({low.removeprefix('+')} to {high})"
    return f"{text}; {percent(found.failed, 1)} of requests failed with it" if found.failed >= FAILED else text


def signed(factor: float) -> str:
    """1.92 -> "+92%", 0.9 -> "-10%"."""
    return f"{100 * (factor - 1):+.0f}%"


def threshold(fact: Evidence) -> str:
    """The threshold in the unit its sentence speaks: "75%", "6 MB", "0.1"; "" where there is none."""
    limit = fact.limit
    if limit is None:
        return ""
    if "%" in fact.says and 0 <= limit <= 1:
        return percent(limit)
    if limit >= 1e6 and ("MB" in fact.says or "GB" in fact.says):
        return megabytes(limit)
    return f"{limit:,.4g}"


def cores(value: float) -> str:
    """0.59 -> "0.59 cores"."""
    return f"{value:.2f} cores"


def sentence(text: str) -> str:
    """The first letter large, a full stop at the end. What begins with a name as programs write it (`gil_contention`,
    `asyncio.gather`, `lru_cache(...)`, `--workers`) keeps it."""
    first = text.split(" ", 1)[0].rstrip(":;,.")
    plain = (first.replace("-", "").isalpha() and first[1:].islower()) or len(first) == 1
    return (text[:1].upper() if plain else text[:1]) + text[1:].rstrip(".") + "." if text else ""


def duration(seconds: float) -> str:
    """ "45 s", "2 min 5 s", "1 h 0 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(stamp: str) -> str:
    """ "2026-11-23T22:41:19Z" -> "2026-11-23 22:41:19 UTC"; anything else stays as it is."""
    return stamp.replace("T", " ").removesuffix("Z") + " UTC" if stamp.endswith("Z") else stamp
