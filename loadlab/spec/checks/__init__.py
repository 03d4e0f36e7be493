"""What no single field can tell. A unit (one file per subject) looks at a whole Spec and yields every problem it finds.

A unit of this family has

    def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]

`source` is the file as written, `services` the units of loadlab/services/ by name. What is missing is asked of
`source`, never of `spec`: a value that was wrong was already reported, and is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadlab import catalogue
from loadlab.spec.model import Spec
from loadlab.spec.problem import Problem
from loadlab.spec.source import Source

UNIT = ("check",)


def check_all(spec: Spec, source: Source, services: Mapping[str, Any]) -> list[Problem]:
    """The problems of all units."""
    units = catalogue.units("spec.checks").values()
    return [problem for unit in units for problem in unit.check(spec, source, services)]
