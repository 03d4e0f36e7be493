"""The measurement's own health: what could have spoiled it, what was measured of that, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.diagnosis.model import Diagnosis
from loadlab.report.words import milliseconds, percent

FINE, BAD, UNKNOWN = "fine", "bad", "unknown"
MARKS = {FINE: "✓ fine", BAD: "▲ spoiled", UNKNOWN: "? not known", "": ""}


@dataclass(frozen=True)
class Check:
    """One thing that can go wrong with measuring. state: FINE | BAD | UNKNOWN | "" (a figure nothing judges)."""

    what: str
    says: str
    state: str = ""

    @property
    def mark(self) -> str:
        """The state with its sign, so that colour is not all there is."""
        return MARKS[self.state]


def checks(diagnosis: Diagnosis) -> tuple[Check, ...]:
    """What a reader has to trust before the sentence."""
    found = (
        ("The generator had room", _generator(diagnosis), "generator_saturated"),
        ("Requests left when they were due", _lateness(diagnosis), "schedule_missed"),
        ("Arrivals were seen on time", _reader(diagnosis), ""),
        ("Enough answers", "", "too_few_samples"),
        ("The machine was the run's own", _machine(diagnosis), "host_unstable"),
        ("The probes could see", _probes(diagnosis), "probe_blind"),
        ("Watching was cheap", _observer(diagnosis), ""),
        ("Latency counts from the intended start", _corrected(diagnosis), ""),
    )
    made = (Check(what, _with_reason(diagnosis, says, kind), _state(diagnosis, kind)) for what, says, kind in found)
    return tuple(each for each in made if each.says or each.state)


def _state(diagnosis: Diagnosis, kind: str) -> str:
    if not kind or not (diagnosis.clear or diagnosis.unknown):
        return ""
    if kind in diagnosis.clear:
        return FINE
    return UNKNOWN if kind in dict(diagnosis.unknown) else BAD


def _with_reason(diagnosis: Diagnosis, says: str, kind: str) -> str:
    return "; ".join(each for each in (says, dict(diagnosis.unknown).get(kind, "")) if each)


def _generator(diagnosis: Diagnosis) -> str:
    cpu = diagnosis.generator.get("cpu")
    if cpu is None:
        return ""
    left = diagnosis.generator.get("not_sent") or 0
    return f"it used {cpu:.2f} of one core" + (f"; {left:.0f} requests were not sent" if left else "")


def _lateness(diagnosis: Diagnosis) -> str:
    late = diagnosis.generator.get("lateness_p99_ms")
    return "" if late is None else f"99 of 100 left within {milliseconds(late)} of their time"


def _reader(diagnosis: Diagnosis) -> str:
    lag = diagnosis.generator.get("reader_lag_p99_ms")
    stamped = diagnosis.generator.get("kernel_stamped")
    if stamped == 0.0:
        return "the kernel stamped none, so how late the generator read them is not known, and is part of the latency"
    parts = []
    if stamped is not None:
        parts.append(f"the kernel stamped the arrival of {percent(stamped, 1)} of the answers")
    if lag is not None:
        parts.append(f"the generator read 99 of 100 within {milliseconds(lag)} of it, which counts as nobody's latency")
    return "; ".join(parts)


def _machine(diagnosis: Diagnosis) -> str:
    host = diagnosis.signals.get("host") or {}
    if "steal" not in host or "others_cores" not in host:
        return ""
    return (
        f"the hypervisor took {percent(host['steal'], 1)} of its CPU time; "
        f"processes outside the run used {host['others_cores']:.2f} of {host['cores']} cores"
    )


def _probes(diagnosis: Diagnosis) -> str:
    probes = diagnosis.observer.get("probes") or []
    if not probes:
        return ""
    late = max(each["late_p99_ms"] for each in probes)
    failed = [each["name"] for each in probes if each["failed"] > 0]
    text = f"{len(probes)} probes, ticks at most {milliseconds(late)} late (p99)"
    return text + (f"; failures in {', '.join(failed)}" if failed else "; no tick failed")


def _observer(diagnosis: Diagnosis) -> str:
    cpu, cost = diagnosis.observer.get("cpu"), diagnosis.observer.get("cost")
    if cpu is None or cost is None:
        return ""
    return f"{cpu:.3f} cores, {percent(cost, 1)} of the machine, went to loadlab itself"


def _corrected(diagnosis: Diagnosis) -> str:
    capacity = diagnosis.capacity
    if capacity is None or capacity.p99_ms is None or capacity.p99_uncorrected_ms is None:
        return ""
    if capacity.p99_ms <= 1.02 * capacity.p99_uncorrected_ms:
        return f"the p99 is {milliseconds(capacity.p99_ms)}, from the actual start as well: nothing held requests back"
    return (
        f"the p99 is {milliseconds(capacity.p99_ms)}; from the actual start it would read "
        f"{milliseconds(capacity.p99_uncorrected_ms)}, without the waiting before it that users feel"
    )
