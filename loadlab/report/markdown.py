"""summary.md: the verdict as a comment on a pull request."""

from __future__ import annotations

from loadlab.diagnosis.model import Diagnosis, Finding, LimitResult
from loadlab.recording.model import Recording
from loadlab.report.words import GRADES, OUTCOMES, after, failures, gain, milliseconds, percent, rate, tried, when


def render(recording: Recording, diagnosis: Diagnosis) -> str:
    """The file's text."""
    parts = [f"### loadlab: {escape(diagnosis.sentence)}", _how(diagnosis)]
    if diagnosis.bottleneck is not None:
        parts.append(_evidence(diagnosis.bottleneck))
    if diagnosis.next_step:
        parts.append(f"**Next step:** {escape(diagnosis.next_step)}{_gain(diagnosis)}")
    if diagnosis.bottleneck is not None and diagnosis.bottleneck.remedy.tried is not None:
        parts.append(f"**Tried:** {escape(tried(diagnosis.bottleneck.remedy.tried))}.")
    if diagnosis.next is not None:
        parts.append(f"**{when(diagnosis.outcome).capitalize()}:** {escape(after(diagnosis.next))}.")
    if diagnosis.capacity is not None:
        parts.append(_capacity(diagnosis))
    if diagnosis.load.get("says"):
        parts.append("\n".join(f"- Load: {escape(each)}" for each in diagnosis.load["says"]))
    if diagnosis.limits:
        parts.append(_limits(diagnosis.limits))
    if diagnosis.others:
        parts.append("**Also found:**\n" + "\n".join(f"- {escape(each.sentence)}" for each in diagnosis.others))
    if diagnosis.unknown:
        parts.append("**Could not be judged:** " + "; ".join(f"`{k}` ({escape(why)})" for k, why in diagnosis.unknown))
    parts.append(
        f"<sub>{escape(recording.meta.name)}, {recording.meta.started_at}, loadlab {recording.meta.loadlab}</sub>"
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _how(diagnosis: Diagnosis) -> str:
    if diagnosis.bottleneck is None:
        return f"_{OUTCOMES[diagnosis.outcome]}._"
    return f"_{GRADES[diagnosis.bottleneck.grade]}_{_proof(diagnosis.bottleneck)}"


def _proof(finding: Finding) -> str:
    proof = finding.proof
    if proof is None:
        return ""
    return (
        f"\n_Slowing {escape(finding.service)} by {percent(proof.slowed_by)} cost "
        f"{percent(max(0.0, proof.elasticity * proof.slowed_by))} of throughput: elasticity {proof.elasticity:.2f}, "
        f"95% interval {proof.low:.2f} to {proof.high:.2f}._"
    )


def _evidence(finding: Finding) -> str:
    return "\n".join(f"- {escape(each.says)}" for each in finding.evidence[:10])


def _gain(diagnosis: Diagnosis) -> str:
    text = gain(diagnosis.bottleneck.remedy.expected_gain) if diagnosis.bottleneck else ""
    return f" Expected: {text}." if text else ""


def _capacity(diagnosis: Diagnosis) -> str:
    capacity = diagnosis.capacity
    if capacity is None:
        return ""
    rows = [f"| requests/s | users | p50 | {capacity.p99_name} | errors |", "|---|---|---|---|---|"]
    rows.append(
        f"| {rate(capacity.measured_rps)} | {capacity.users} | {milliseconds(capacity.p50_ms)} "
        f"| {milliseconds(capacity.p99_ms)} | {percent(capacity.error_rate, 2)} |"
    )
    failed = failures(diagnosis)
    return "\n".join(rows) + (f"\n\nFailed: {escape(failed)} of the recording." if failed else "")


def _limits(limits: tuple[LimitResult, ...]) -> str:
    rows = ["| limit | allowed | measured | |", "|---|---|---|---|"]
    for each in limits:
        name = f"{each.endpoint} {each.metric}".strip()
        measured = "no samples" if each.measured is None else f"{each.measured:.4g}"
        rows.append(f"| {escape(name)} | {allowed(each)} | {measured} | {'pass' if each.passed else '**fail**'} |")
    return "\n".join(rows)


def allowed(limit: LimitResult) -> str:
    """ "at most 120", "at least 300", "300 to 400"."""
    if limit.low is not None and limit.high is not None:
        return f"{limit.low:g} to {limit.high:g}"
    if limit.low is not None:
        return f"at least {limit.low:g}"
    return "" if limit.high is None else f"at most {limit.high:g}"


def escape(text: str) -> str:
    """Text that is only text in Markdown and in the HTML it becomes."""
    for old, new in (
        ("\\", "\\\\"),
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("\n", " "),
        ("\r", " "),
    ):
        text = text.replace(old, new)
    for mark in "*_[]":
        text = text.replace(mark, "\\" + mark)
    return text.replace("`", "'")
