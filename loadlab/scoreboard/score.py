"""The figures of many results. A share comes with Wilson's interval at 95%: with forty cases, 40 of 40 still allows for
one wrong answer in eleven.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

from loadlab.catalogue import units
from loadlab.diagnosis.rank import BINDING, NOT_BINDING
from loadlab.scoreboard.result import Result

GRADES = ("confirmed", "supported", "suspected")
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """`right` of `count`; low and high: Wilson's interval. Shares are None where there was nothing to count."""

    right: int
    count: int

    @property
    def value(self) -> float | None:
        """0..1."""
        return self.right / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson 1927."""
        if not self.count:
            return None
        share, square = self.right / self.count, NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
        wide = 1 + square / self.count
        middle = (share + square / (2 * self.count)) / wide
        half = math.sqrt(square * (share * (1 - share) + square / (4 * self.count)) / self.count) / wide
        # At both ends the formula gives them, but for what floats round.
        low = middle - half if self.right else 0.0
        return low, middle + half if self.right < self.count else 1.0


@dataclass(frozen=True)
class Goal:
    """What a share has to be; higher is better."""

    name: str
    share: Share
    least: float

    @property
    def reached(self) -> bool | None:
        """None: nothing to tell it by."""
        return None if self.share.value is None else self.share.value >= self.least


@dataclass(frozen=True)
class Score:
    """All figures. `matrix`: (truth, answer) -> how often. seconds: median and longest time to a verdict. apart: of the
    cases limited by hardware, those where the experiment alone tells the culprit from everything else it slowed;
    apart_spare: the same of those with cores to spare: on full ones whatever takes CPU is part of the limit, by its
    share."""

    results: tuple[Result, ...]
    kind: Share
    service: Share
    line: Share
    two_faults: Share
    quiet: Share
    calm: Share
    grades: dict[str, Share]
    same: Share
    apart: Share
    apart_spare: Share
    matrix: Counter[tuple[str, str]]
    median_s: float | None
    longest_s: float | None

    @property
    def faults(self) -> tuple[Result, ...]:
        """Results of cases with something wrong."""
        return tuple(each for each in self.results if not each.control)

    @property
    def controls(self) -> tuple[Result, ...]:
        """Results of cases with nothing wrong."""
        return tuple(each for each in self.results if each.control)

    @property
    def failures(self) -> tuple[Result, ...]:
        """Every one that was not as expected."""
        return tuple(each for each in self.results if each.wrong)

    @property
    def truths(self) -> tuple[str, ...]:
        """Rows of the matrix: kinds by name, none last."""
        return _ordered(truth for truth, _ in self.matrix)

    @property
    def answers(self) -> tuple[str, ...]:
        """Its columns: the same, then whatever else was said."""
        return _ordered({name for pair in self.matrix for name in pair})

    @property
    def goals(self) -> tuple[Goal, ...]:
        """What we hold ourselves to."""
        return (
            Goal("kind named first is right", self.kind, 0.95),
            Goal("service is right", self.service, 0.97),
            Goal("line is right, where one is to blame", self.line, 0.90),
            Goal("controls on which nothing was invented", self.quiet, 1.0),
            Goal("confirmed verdicts are right", self.grades["confirmed"], 0.99),
            Goal("second faults are found as well", self.two_faults, 0.95),
            Goal("runs of one case give one answer", self.same, 0.95),
            Goal("elasticity tells culprit from the rest", self.apart, 0.95),
            Goal("the same, with cores to spare", self.apart_spare, 0.95),
        )


def compute(results: Sequence[Result]) -> Score:
    """The figures of these results; of one case as many runs as there are."""
    faults = [each for each in results if not each.control]
    controls = [each for each in results if each.control]
    lines = [each.line for each in faults if each.line is not None]
    seconds = [each.seconds for each in results if each.said.kind or each.said.outcome != "failed"]
    return Score(
        results=tuple(results),
        kind=_share(each.kind for each in faults),
        service=_share(each.service for each in faults),
        line=_share(lines),
        two_faults=Share(sum(each.also for each in faults), sum(each.faults_beside for each in faults)),
        quiet=_share(not (each.said.kind or each.others) for each in controls),
        calm=_share(not each.wrong for each in controls),
        grades={grade: _grade(grade, results) for grade in GRADES},
        same=_share(len(answers) == 1 for answers in _answers(results)),
        apart=_share(_is_apart(each) for each in faults if _is_hardware(each)),
        apart_spare=_share(_is_apart(each) for each in faults if _is_hardware(each) and _has_spare(each)),
        matrix=Counter((each.truth, _told(each)) for each in results),
        median_s=median(seconds) if seconds else None,
        longest_s=max(seconds, default=None),
    )


def _is_hardware(result: Result) -> bool:
    """Whether its culprit can be slowed by stopping processes, and was."""
    rule = units("rules").get(result.true_kind)
    return bool(rule is not None and rule.ELASTIC and any(name == result.true_service for name, _ in result.slowed))


def _has_spare(result: Result) -> bool:
    return result.idle_share is not None and result.idle_share > units("rules")["all_cores"].IDLE


def _is_apart(result: Result) -> bool:
    return all(
        value >= BINDING if name == result.true_service else value <= NOT_BINDING for name, value in result.slowed
    )


def _told(result: Result) -> str:
    """An answer that is as true as the one expected counts as that. On a control whatever was named is told."""
    if result.control:
        return result.said.kind or (result.others[0][0] if result.others else result.answer)
    return result.true_kind if result.kind else result.answer


def _grade(grade: str, results: Iterable[Result]) -> Share:
    """Of the findings named first with this grade, those whose kind and service are right. On a control none is."""
    return _share(each.kind and each.service for each in results if each.said.grade == grade)


def _answers(results: Iterable[Result]) -> list[set[tuple[str, str]]]:
    """What was said of each case that was run several times with the same constants."""
    runs: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for each in results:
        runs.setdefault((each.case, each.seed), []).append((each.answer, each.said.service))
    return [set(said) for said in runs.values() if len(said) > 1]


def _share(values: Iterable[bool | None]) -> Share:
    kept = list(values)
    return Share(sum(map(bool, kept)), len(kept))


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    last = ("none", "unknown", "generator", "failed")
    return tuple(sorted(set(names), key=lambda name: (last.index(name) + 1 if name in last else 0, name)))
