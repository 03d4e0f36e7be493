"""One verdict held against the truth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from loadlab.scoreboard.case import Case


@dataclass(frozen=True)
class Judgement:
    """What of a verdict is right. line None: no line is to blame. also: further faults found, of those that are there.
    wrong: each mismatch in words; () where all is as expected."""

    kind: bool
    service: bool
    line: bool | None
    also: int
    wrong: tuple[str, ...]


def judge(case: Case, verdict: Mapping[str, Any]) -> Judgement:
    """verdict: the content of verdict.json."""
    wrong = tuple(mismatches(case, verdict))
    first = verdict.get("bottleneck")
    if case.is_control or verdict["outcome"] != "bottleneck" or first is None:
        right = case.is_control and not wrong
        return Judgement(right, right, None if case.is_control or not case.function else False, 0, wrong)
    return Judgement(
        kind=first["kind"] in (case.kind, *case.acceptable_kinds),
        service=first["service"] in (case.service, *case.acceptable_services) and not _other_instance(case, first),
        line=not list(_line_is_wrong(case, first.get("where"))) if case.function else None,
        also=len(case.also) - len(list(_missing(case, first, verdict.get("others", [])))),
        wrong=wrong,
    )


def mismatches(case: Case, verdict: Mapping[str, Any]) -> list[str]:
    """What in a verdict is not as expected, in words; empty if all is."""
    if verdict["outcome"] != case.outcome:
        return [f"outcome is {verdict['outcome']}, not {case.outcome}: {verdict.get('sentence')}"]
    finding, others = verdict.get("bottleneck"), verdict.get("others", [])
    if case.is_control:
        return [f"invented {each['kind']} in {each['service']}" for each in (finding, *others) if each is not None]
    if finding is None:
        return ["outcome is bottleneck, but none is named"]
    return [
        *_what_is_wrong(case, finding),
        *_line_is_wrong(case, finding.get("where")),
        *_missing(case, finding, others),
    ]


def _what_is_wrong(case: Case, finding: Mapping[str, Any]) -> Iterator[str]:
    if finding["kind"] not in (case.kind, *case.acceptable_kinds):
        yield f"kind is {finding['kind']}, not {case.kind}"
    if finding["service"] not in (case.service, *case.acceptable_services):
        yield f"service is {finding['service']}, not {case.service}"
    if _other_instance(case, finding):
        yield f"instance is {finding.get('instance')}, not {case.instance}"
    if case.says and not re.search(
        rf"\b{re.escape(case.says)}\b", json.dumps([finding.get("sentence"), finding.get("evidence")])
    ):
        yield f"neither the sentence nor the evidence says {case.says!r}"


def _other_instance(case: Case, finding: Mapping[str, Any]) -> bool:
    return case.instance is not None and finding.get("instance") != case.instance


def _line_is_wrong(case: Case, where: Mapping[str, Any] | None) -> Iterator[str]:
    if not case.function:
        return
    if where is None:
        yield f"no line is named, not even {case.function}() in {case.file}"
        return
    name = re.split(r"\.|::", where["function"])[-1]
    if name not in (case.function, *case.acceptable_functions):
        yield f"function is {where['function']}, not {case.function}"
    if PurePosixPath(where["file"]).parts[-len(PurePosixPath(case.file).parts) :] != PurePosixPath(case.file).parts:
        yield f"file is {where['file']}, not {case.file}"
    elif where.get("line") not in case.lines() and name == case.function:
        yield f"line is {where.get('line')}, not in {case.lines().start}..{case.lines().stop - 1}"


def _missing(case: Case, finding: Mapping[str, Any], others: list[Mapping[str, Any]]) -> Iterator[str]:
    found = {(each["kind"], name) for each in (finding, *others) for name in (each["service"], *each.get("along", ()))}
    for also in case.also:
        if (also.kind, also.service) not in found:
            yield f"{also.kind} in {also.service} was not found as well"
