"""From answers to one outcome. A verdict is a path through gates, in this order:

1. Was the generator the limit? Then nothing else is claimed, but for what happened whatever the load was: a process
   that died, a table that was full. Refused connections come back so fast that they keep any generator busy.
2. Was any limit reached? If not: none, unless a defect shows at any load (a crash, a leak, a full table of open files).
3. Are the data good enough to name somebody? If not: unknown. A flaw of the data that leaves causes as they are is
   listed beside them, last.
4. All that was found, causes before symptoms, what the experiment contradicts last.
5. A limit without a name is unknown, and says what it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadlab.diagnosis.apply import Answer
from loadlab.diagnosis.model import Finding, Proof, Remedy
from loadlab.rules import Fault, Found, Unknown
from loadlab.signals.elasticity import Elasticity

BINDING = 0.7
"""Elasticity from which on a candidate is the bottleneck: of a hardware limit it is 1, less the noise of short
windows."""

NOT_BINDING = 0.3
"""Elasticity below which a candidate is not the bottleneck, if its interval stays under BINDING as well."""

FACT = 20
"""Rank up to which a finding is something that happened, and does not rest on how the load was. A fault of any rank may
say so of itself."""

SYMPTOM = 500
"""Added to the rank of what the experiment contradicts, or the rule says is not what limits: it is listed, after
everything else."""


@dataclass(frozen=True)
class Ranked:
    """The outcome and the findings behind it, the first one being the bottleneck."""

    outcome: str
    findings: tuple[Finding, ...]
    why: str = ""


def rank(answers: tuple[Answer, ...], elasticity: Mapping[str, Elasticity]) -> Ranked:
    """See the module's text."""
    found = {each.kind: each for each in answers if isinstance(each.verdict, Found)}
    told = [each for each in found.values() if any(fault.fact for fault in _faults(each))]
    facts = [
        each
        for each in found.values()
        if each.rule.BRANCH not in ("measurement", "none") and (each.rule.RANK <= FACT or each in told)
    ]
    if "generator_saturated" in found and not facts:
        return Ranked("generator", (), _says(found["generator_saturated"]))
    defects = [
        each
        for each in found.values()
        if each in told or (not each.rule.AT_LIMIT and each.rule.BRANCH not in ("measurement", "none"))
    ]
    if "none" in found and not defects:
        return Ranked("none", (), _says(found["none"]))
    bad = [
        each
        for each in found.values()
        if each.rule.BRANCH == "measurement" and any(fault.limits for fault in _faults(each))
    ]
    if bad and not defects:
        return Ranked("unknown", (), _says(min(bad, key=lambda each: each.rule.RANK)))
    if bad and facts:
        return Ranked("bottleneck", _findings(facts, elasticity))
    usable = defects if "none" in found or bad else [each for each in found.values() if each.rule.BRANCH != "none"]
    findings = _findings(usable, elasticity)
    if not findings:
        return Ranked("unknown", (), _nameless(answers, elasticity))
    if findings[0].branch == "measurement":
        return Ranked("unknown", (), findings[0].sentence)
    return Ranked("bottleneck", findings)


def _says(answer: Answer) -> str:
    return answer.verdict.faults[0].sentence if isinstance(answer.verdict, Found) else ""


def _nameless(answers: tuple[Answer, ...], elasticity: Mapping[str, Elasticity]) -> str:
    """What it is not; and whose it is, where the experiment tells that."""
    binding = [name for name, each in elasticity.items() if each.value >= BINDING and each.low > NOT_BINDING]
    unknown = {each.kind: each.verdict.why for each in answers if isinstance(each.verdict, Unknown)}
    whether = unknown.pop("none", None)
    if whether is not None and "too_few_samples" in unknown:
        return unknown["too_few_samples"]  # not one answer: there is nothing more to say
    blind = list(unknown)
    text = "a limit was reached, but" if whether is None else f"{whether}, and"
    text += " no process, core, file or queue that loadlab knows of is at its own limit"
    if len(binding) == 1:
        text += f"; it lies in {binding[0]}, with which throughput fell when it was slowed"
    return f"{text}; {', '.join(blind)} could not be judged" if blind else text


def _findings(answers: list[Answer], elasticity: Mapping[str, Elasticity]) -> tuple[Finding, ...]:
    keyed = []
    covered = {
        (kind, fault.service)
        for each in answers
        for fault in _faults(each)
        for kind in getattr(each.rule, "COVERS", ())
    }
    for answer in answers:
        for fault in _faults(answer):
            if (answer.kind, fault.service) in covered:
                continue
            proof = elasticity.get(fault.service) if answer.rule.ELASTIC else None
            finding = _finding(answer, fault, proof)
            contradicted = proof is not None and proof.value < NOT_BINDING and proof.high < BINDING
            last = contradicted or not fault.limits
            keyed.append((answer.rule.RANK + (SYMPTOM if last else 0), -fault.strength, answer.kind, finding))
    return tuple(finding for *_, finding in sorted(keyed, key=lambda each: each[:3]))


def _faults(answer: Answer) -> tuple[Fault, ...]:
    return answer.verdict.faults if isinstance(answer.verdict, Found) else ()


def _finding(answer: Answer, fault: Fault, proof: Elasticity | None) -> Finding:
    return Finding(
        kind=answer.kind,
        branch=answer.rule.BRANCH,
        service=fault.service,
        grade=grade(fault, proof),
        sentence=fault.sentence,
        evidence=fault.evidence,
        remedy=Remedy(fault.step or answer.rule.STEP, fault.remedy, fault.gain),
        instance=fault.instance,
        pid=fault.pid,
        where=fault.where,
        proof=Proof(proof.share, proof.value, proof.low, proof.high) if proof is not None else None,
        strength=fault.strength,
        along=fault.along,
    )


def grade(fault: Fault, proof: Elasticity | None) -> str:
    """confirmed: slowing it cost as much throughput as capacity. supported: two signals, not contradicted. Else
    suspected."""
    if proof is not None and proof.value >= BINDING and proof.low > NOT_BINDING:
        return "confirmed"
    if proof is not None and proof.value < NOT_BINDING and proof.high < BINDING:
        return "suspected"
    return "supported" if fault.signals >= 2 else "suspected"
