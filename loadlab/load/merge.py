"""One interval out of those of several generator processes. Pure: counts add up, latencies are put together one by one.

Processes end their intervals when they are told to, a few milliseconds apart. The common interval lies at the mean of
their ends, so that counts over its length are the sum of their rates.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from loadlab.load import EndpointInterval, Failures, LoadInterval

SUMS = (
    "users",
    "in_flight",
    "sent",
    "succeeded",
    "failed",
    "connects",
    "bytes_received",
    "not_sent",
    "kernel_stamped",
    "due",
    "waiting",
)


def standing(before: LoadInterval) -> LoadInterval:
    """Of a process that has ended no interval since: what it had under way, and nothing new."""
    return LoadInterval(
        start=before.start,
        end=before.end,
        users=before.users,
        in_flight=before.in_flight,
        waiting=before.waiting,
        sent=0,
        succeeded=0,
        failed=0,
        connects=0,
        bytes_received=0,
    )


def merged(parts: Sequence[LoadInterval]) -> LoadInterval:
    """Of one moment, one each process. Raises ValueError for none."""
    if not parts:
        raise ValueError("no process had an interval")
    if len(parts) == 1:
        return parts[0]
    busiest = max(parts, key=lambda each: each.busiest_cores + each.busiest_delay)
    timed = [each for each in parts if each.sent or each.succeeded or each.failed or each.cut] or parts
    return LoadInterval(
        start=sum(each.start for each in timed) / len(timed),
        end=sum(each.end for each in timed) / len(timed),
        **{name: sum(getattr(each, name) for each in parts) for name in SUMS},
        endpoints=_endpoints(parts),
        schedule_lag_us=_joined(each.schedule_lag_us for each in parts),
        reader_lag_us=_joined(each.reader_lag_us for each in parts),
        errors=_failures(parts),
        wanted=next((each.wanted for each in parts if each.wanted is not None), None),
        cut=max(each.cut for each in parts),
        busiest_cores=busiest.busiest_cores,
        busiest_delay=busiest.busiest_delay,
    )


def in_a_row(parts: Sequence[LoadInterval]) -> LoadInterval:
    """Of one process, one after the other. Raises ValueError for none."""
    if not parts:
        raise ValueError("there was no interval")
    last = parts[-1]
    both = merged(parts)
    return LoadInterval(
        start=parts[0].start,
        end=last.end,
        **{name: getattr(both, name) for name in SUMS if name not in ("users", "in_flight", "waiting")},
        users=last.users,
        in_flight=last.in_flight,
        waiting=last.waiting,
        endpoints=both.endpoints,
        schedule_lag_us=both.schedule_lag_us,
        reader_lag_us=both.reader_lag_us,
        errors=both.errors,
        wanted=last.wanted,
        cut=last.cut,
        busiest_cores=last.busiest_cores,
        busiest_delay=last.busiest_delay,
    )


def share(whole: int, index: int, count: int) -> int:
    """Of `count` processes, what part of something the one at `index` gets: they differ by one at most."""
    return whole // count + (index < whole % count)


def _joined(arrays: Iterable[array[int]]) -> array[int]:
    found = array("I")
    for each in arrays:
        found.extend(each)
    return found


def _endpoints(parts: Sequence[LoadInterval]) -> tuple[EndpointInterval, ...]:
    found: dict[tuple[str, str], list[EndpointInterval]] = {}
    for each in (one for part in parts for one in part.endpoints):
        found.setdefault((each.endpoint, each.result), []).append(each)
    return tuple(
        EndpointInterval(*key, _joined(each.latency_us for each in mine), _joined(each.service_us for each in mine))
        for key, mine in found.items()
    )


def _failures(parts: Sequence[LoadInterval]) -> tuple[Failures, ...]:
    found: dict[tuple[str, str], list[Failures]] = {}
    for each in (one for part in parts for one in part.errors):
        found.setdefault((each.endpoint, each.error), []).append(each)
    return tuple(
        Failures(
            *key,
            sum(each.count for each in mine),
            min(each.first for each in mine),
            max(each.last for each in mine),
            next((each.sample for each in mine if each.sample), ""),
        )
        for key, mine in found.items()
    )
