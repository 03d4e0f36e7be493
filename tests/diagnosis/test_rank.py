"""The ranking as a truth table in text: what was found, what the experiment said, and what must come of it."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import Answer
from loadlab.diagnosis.rank import rank
from loadlab.rules import Clear, Evidence, Fault, Found
from loadlab.signals.elasticity import Elasticity

TABLE = """
found (kind:service)                     elasticity             -> outcome     bottleneck           grade
-                                        -                      -> unknown     -                    -
none                                     -                      -> none        -                    -
none single_core:app                     -                      -> none        -                    -
none service_crashed:app                 -                      -> bottleneck  service_crashed:app  supported
none memory_leak:app                     -                      -> bottleneck  memory_leak:app      supported
single_core:app                          -                      -> bottleneck  single_core:app      supported
single_core:app                          app=1.0                -> bottleneck  single_core:app      confirmed
single_core:app                          app=0.5                -> bottleneck  single_core:app      supported
single_core:app single_core:db           app=0.1,db=0.9         -> bottleneck  single_core:db       confirmed
single_core:app all_cores:db             app=1.0,db=0.0         -> bottleneck  single_core:app      confirmed
single_core:app event_loop_blocked:app   -                      -> bottleneck  event_loop_blocked:app supported
single_core:app accept_backlog:app       -                      -> bottleneck  single_core:app      supported
single_core:app service_crashed:db       app=1.0                -> bottleneck  service_crashed:db   supported
generator_saturated:generator single_core:app -                 -> generator   -                    -
generator_saturated:generator service_crashed:app -             -> bottleneck  service_crashed:app  supported
generator_saturated:generator memory_leak:app -                 -> generator   -                    -
too_few_samples:generator single_core:app -                     -> unknown     -                    -
too_few_samples:generator file_descriptors:app -                -> bottleneck  file_descriptors:app supported
too_few_samples:generator ephemeral_ports:app -                 -> bottleneck  ephemeral_ports:app  supported
host_unstable:host single_core:app       app=1.0                -> unknown     -                    -
caveat-host_unstable:host single_core:app app=1.0               -> bottleneck  single_core:app      confirmed
caveat-host_unstable:host                -                      -> unknown     -                    -
caveat-host_unstable:host none           -                      -> none        -                    -
cpu_quota:app single_core:app            app=0.1                -> bottleneck  cpu_quota:app        supported
"""

ROWS = [line for line in TABLE.strip().splitlines()[1:] if line.strip()]


def answers(text: str) -> tuple[Answer, ...]:
    rules = units("rules")
    wanted: dict[str, list[str]] = {}
    caveats = set()
    for each in text.split():
        kind, _, service = each.removeprefix("caveat-").partition(":")
        wanted.setdefault(kind, []).append(service or "app")
        caveats |= {kind} if each.startswith("caveat-") else set()
    return tuple(
        Answer(
            kind,
            rule,
            Found(tuple(fault(kind, service, kind not in caveats) for service in wanted[kind]))
            if kind in wanted
            else Clear(),
        )
        for kind, rule in rules.items()
    )


def fault(kind: str, service: str, limits: bool) -> Fault:
    return Fault(service, f"{kind} of {service}", (Evidence("m", 1.0, "so it is"),), "do it", signals=2, limits=limits)


def elasticity(text: str) -> dict[str, Elasticity]:
    if text == "-":
        return {}
    pairs = (each.split("=") for each in text.split(","))
    return {name: Elasticity(float(e), float(e) - 0.1, float(e) + 0.1, 8, 0.25, float(e) / 4) for name, e in pairs}


@pytest.mark.parametrize("row", ROWS)
def test_truth_table(row: str) -> None:
    left, _, right = row.partition("->")
    *found, experiment = left.split()
    outcome, expected, grade = right.split()
    ranked = rank(answers(" ".join(each for each in found if each != "-")), elasticity(experiment))
    assert ranked.outcome == outcome
    if expected == "-":
        assert not ranked.findings
    else:
        first = ranked.findings[0]
        assert (f"{first.kind}:{first.service}", first.grade) == (expected, grade)


def test_two_faults_are_two_findings() -> None:
    ranked = rank(answers("single_core:app memory_leak:app"), {})
    assert [each.kind for each in ranked.findings] == ["memory_leak", "single_core"]


def test_what_the_experiment_contradicts_is_still_listed() -> None:
    ranked = rank(answers("single_core:app single_core:db"), elasticity("app=0.05,db=0.95"))
    assert [(each.service, each.grade) for each in ranked.findings] == [("db", "confirmed"), ("app", "suspected")]


@pytest.mark.parametrize(
    ("slowed", "lies_in"),
    [("app=1.0,db=0.1", "app"), ("app=1.0,db=0.9", ""), ("app=0.4,db=0.1", ""), ("-", "")],
)
def test_a_limit_without_a_name_says_whose_it_is_where_the_experiment_tells(slowed: str, lies_in: str) -> None:
    why = rank(answers(""), elasticity(slowed)).why
    assert ("it lies in" in why) is bool(lies_in)
    assert not lies_in or f"it lies in {lies_in}, with" in why
