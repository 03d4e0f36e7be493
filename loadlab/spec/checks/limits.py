"""Limits a process can live with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec.model import Spec
from loadlab.spec.problem import Problem
from loadlab.spec.source import Source

LEAST_MEMORY_BYTES = 4 * 1024**2
"""No dynamically linked program gets as far as its first line with less; a slip of the unit is likelier."""


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """A memory limit in which nothing starts."""
    for index, service in source.each_service(spec):
        size = service.limits.memory_bytes if service.limits is not None else None
        if size is not None and size < LEAST_MEMORY_BYTES:
            yield Problem(("service", index, "limits", "memory"), 'nothing starts in so little; did you mean "MB"?')
