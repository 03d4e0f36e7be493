"""The heaviest path through stacks: from the outermost frame inwards, to the callee that has most of the samples, for
as long as it has half of them all."""

from __future__ import annotations

from collections import Counter

from loadlab.recording.model import Frame

HALF = 0.5
"""Share of the samples down to which the path is followed: what has less is one of several."""

Sample = tuple[tuple[Frame, ...], int]
"""Frames from the outermost on, and how often they were seen."""


def end(samples: list[Sample]) -> tuple[Frame, int] | None:
    """The last function of the path and its samples; of one that calls itself, its outermost call's. None without
    samples, or where not even the outermost frame is in half of them."""
    least = HALF * sum(count for _, count in samples)
    path: list[tuple[Frame, int]] = []
    left = samples
    while found := _next(left, len(path)):
        frame, count, left = found
        if count < least:
            break
        path.append((frame, count))
    return (path[-1][0], max(count for frame, count in path if frame == path[-1][0])) if path else None


def _next(samples: list[Sample], depth: int) -> tuple[Frame, int, list[Sample]] | None:
    callees: Counter[Frame] = Counter()
    for frames, count in samples:
        if len(frames) > depth:
            callees[_whole(frames[depth])] += count
    if not callees:
        return None
    top = max(callees, key=lambda each: (callees[each], each.function, each.file))
    return top, callees[top], [each for each in samples if len(each[0]) > depth and _whole(each[0][depth]) == top]


def _whole(frame: Frame) -> Frame:
    """The function, whichever of its lines."""
    return Frame(frame.function, frame.file, 0)
