"""What `--try-remedy` may change: steps that verdicts name, variables that are there to be multiplied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.catalogue import units
from loadlab.spec.model import Change, ServiceSpec, Spec
from loadlab.spec.problem import Problem, meant
from loadlab.spec.source import Source


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Steps that no rule has, changes that say nothing or two things, services that loadlab does not start."""
    for index, service in source.each_service(spec):
        for step, change in service.remedies.items():
            loc = ("service", index, "remedies", step)
            steps = sorted({each.STEP for each in units("rules").values() if each.STEP})
            if step not in steps:
                yield Problem(loc, f"no verdict has this step{meant(step, steps)}", with_found=False)
            if service.attach is not None:
                yield Problem(
                    loc, "loadlab did not start this service, so it can change nothing of it", with_found=False
                )
            for says in _wrong(service, change):
                yield Problem(loc, says, with_found=False)


def _wrong(service: ServiceSpec, change: Change) -> Iterator[str]:
    if (change.sql is None) == (change.env is None):
        yield 'give env = "NAME" with to or times, or, of a database, sql = "CREATE INDEX ..."'
        return
    if change.sql is not None:
        if service.unit != "postgres":
            yield 'sql is for a database that loadlab starts (uses = "postgres")'
        return
    if (change.to is None) == (change.times is None):
        yield f"give to (a value) or times (a factor) for {change.env}, one of the two"
    if change.times is not None and not _number(service.env.get(change.env or "")):
        yield f"times needs a number to start from, and env has none for {change.env}: write it there, or give to"


def _number(text: str | None) -> bool:
    try:
        return text is not None and float(text) > 0
    except ValueError:
        return False
