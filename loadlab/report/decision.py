"""The decision tree of scaling with the taken branch lit."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.diagnosis.model import Diagnosis
from loadlab.diagnosis.tree import ROOT, TREE


@dataclass(frozen=True)
class Step:
    """One remedy of a branch."""

    name: str
    lit: bool


@dataclass(frozen=True)
class Branch:
    """One arm."""

    question: str
    advice: str
    steps: tuple[Step, ...]
    lit: bool


@dataclass(frozen=True)
class Tree:
    """All arms. says: which was taken, in words; or why none."""

    root: str
    branches: tuple[Branch, ...]
    says: str


NOT_TAKEN = {
    "none": "No branch is taken: no limit was reached.",
    "generator": "No branch is taken: the load generator was the limit, not the system.",
    "unknown": "No branch is taken: the data cannot tell.",
}


def tree(diagnosis: Diagnosis) -> Tree:
    """Of the first finding."""
    first = diagnosis.bottleneck
    taken, step = (first.branch, first.remedy.step) if first is not None else ("", "")
    branches = tuple(
        Branch(
            each.question,
            each.advice,
            tuple(Step(name.replace("_", " "), each.name == taken and name == step) for name in each.steps),
            each.name == taken,
        )
        for each in TREE
    )
    lit = next((each for each in branches if each.lit), None)
    if lit is None:
        return Tree(ROOT, branches, NOT_TAKEN.get(diagnosis.outcome, "No branch is taken."))
    return Tree(ROOT, branches, f"Taken: {lit.question} ➜ {step.replace('_', ' ')}")
