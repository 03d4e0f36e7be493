"""A profile as V8 makes it (the Chrome DevTools Protocol's Profiler.Profile) as folded stacks with files and lines.

V8 says for each sample which function was running, and by which calls it was reached, but counts lines only of the
innermost one. Of the functions further out it tells where they begin. The line at which one calls the next is then read
in its text, where the name of what it calls stands exactly once.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any
from urllib.parse import unquote, urlsplit

from loadlab.recording.folded import folded
from loadlab.recording.model import COLLECTOR, Frame

IDLE = "(idle)"
"""The loop waits for events: nobody's doing."""
ROOT = "(root)"
PATTERN = "RegExp: "
"""How V8 names compiled regular expressions; their text follows."""
THREAD = "main"


@dataclass(frozen=True)
class Call:
    """A function, by where it begins: line and column from 0, as V8 counts them."""

    function: str
    url: str
    line: int
    column: int

    @property
    def file(self) -> str:
        """A path; of Node's own modules "node:fs"; "" for native code."""
        return unquote(urlsplit(self.url).path) if self.url.startswith("file:") else self.url

    def frame(self, line: int | None = None) -> Frame:
        """As recordings have it: lines from 1. line: where in it, else where it begins."""
        return Frame(self.function, self.file, self.line + 1 if line is None else line)


class CallSites:
    """Where one function calls another. coverage: the result of Profiler.getBestEffortCoverage, by which V8 tells where
    each function begins and ends; text_of: a script's text by its path, None where it cannot be read."""

    def __init__(self, coverage: Iterable[Mapping[str, Any]], text_of: Callable[[str], str | None]) -> None:
        self._ranges = {
            each["url"]: sorted((f["ranges"][0]["startOffset"], f["ranges"][0]["endOffset"]) for f in each["functions"])
            for each in coverage
        }
        self._text_of = text_of
        self._texts: dict[str, str] = {}
        self._known: dict[tuple[Call, str], int | None] = {}

    def line(self, caller: Call, callee: str) -> int | None:
        """The line, from 1, where `callee` stands in the caller's own text; None unless it does so exactly once."""
        key = (caller, callee)
        if key not in self._known:
            self._known[key] = self._find(caller, callee) if _may_be_users(caller) else None
        return self._known[key]

    def _find(self, caller: Call, callee: str) -> int | None:
        text = self._script(caller)
        at = _offset(text, caller.line, caller.column)
        around = [each for each in self._ranges.get(caller.url, ()) if each[0] <= at < each[1]]
        if not around:
            return None
        start, end = max(around)  # of those around it the one that begins last is the innermost
        own = text[start:end]
        for first, last in self._ranges[caller.url]:
            if at < first and last <= end:
                own = own[: first - start] + NO_WORD.sub(" ", text[first:last]) + own[last - start :]
        found = [each.start() for each in _pattern(callee).finditer(own)]
        return text.count("\n", 0, start + found[0]) + 1 if len(found) == 1 else None

    def _script(self, caller: Call) -> str:
        if caller.url not in self._texts:
            self._texts[caller.url] = as_units(self._text_of(caller.file) or "")
        return self._texts[caller.url]


NO_WORD = re.compile(r"[^\n]")


def as_units(text: str) -> str:
    """A letter for each unit of UTF-16, in which V8 counts."""
    if text.isascii() or max(text, default="") <= "\uffff":
        return text
    return "".join(map(chr, array("H", text.encode("utf-16", "surrogatepass")[2:])))


def _may_be_users(call: Call) -> bool:
    return call.url.startswith(("file:", "/")) and "/node_modules/" not in call.url


def _pattern(callee: str) -> re.Pattern[str]:
    if callee.startswith(PATTERN):
        return re.compile(re.escape(f"/{callee.removeprefix(PATTERN)}/"))
    return re.compile(rf"(?<![\w$]){re.escape(callee.rpartition('.')[2])}\s*(?:\?\.\s*)?\(")


def _offset(text: str, line: int, column: int) -> int:
    """The offset of a line and column from 0; past the end where there is no such line."""
    at = 0
    for _ in range(line):
        at = text.find("\n", at) + 1
        if at == 0:
            return len(text)
    return at + column


@dataclass(frozen=True)
class Profile:
    """One of V8's profiles, as it came."""

    raw: Mapping[str, Any]

    @cached_property
    def nodes(self) -> dict[int, Mapping[str, Any]]:
        """By number."""
        return {each["id"]: each for each in self.raw["nodes"]}

    @cached_property
    def parents(self) -> dict[int, int]:
        """Of each node the one that called it."""
        return {child: each["id"] for each in self.raw["nodes"] for child in each.get("children", ())}

    @cached_property
    def samples(self) -> list[tuple[float, int]]:
        """(seconds of the system's monotonic clock, node), in order of time: V8 gives them in the order it noted."""
        times = accumulate(self.raw["timeDeltas"], initial=self.raw["startTime"])
        next(times)
        return sorted((t / 1e6, node) for t, node in zip(times, self.raw["samples"], strict=True))

    def name(self, node: int) -> str:
        """Of a function, or one of V8's own, "(idle)"."""
        return str(self.nodes[node]["callFrame"]["functionName"])

    def calls(self, node: int) -> list[Call]:
        """From the outermost function to this one."""
        found = []
        here: int | None = node
        while here is not None:
            frame = self.nodes[here]["callFrame"]
            if frame["functionName"] != ROOT:
                name = frame["functionName"] or "anonymous"
                found.append(Call(name, frame["url"], frame["lineNumber"], frame["columnNumber"]))
            here = self.parents.get(here)
        return found[::-1]

    def lines(self, node: int) -> dict[int, int]:
        """Line from 1 -> samples: lines of the innermost function that has a text."""
        return {each["line"]: each["ticks"] for each in self.nodes[node].get("positionTicks", ())}


def fold(profile: Profile, runs: Callable[[float], bool], sites: CallSites) -> dict[str, str]:
    """Folded text by mode: "cpu", of samples in which the thread ran; "still", of those in which it stood in a call.
    runs: whether it did at this moment of the monotonic clock."""
    counts: dict[str, Counter[tuple[int, bool]]] = {"cpu": Counter(), "still": Counter()}
    last = None
    for t, node in profile.samples:
        name = profile.name(node)
        if name == IDLE:
            continue
        collects = name == COLLECTOR
        if collects and last is not None:
            node = last  # V8 gives it no stack: as its own tools do, whoever was running pays  # noqa: PLW2901
        counts["cpu" if runs(t) or collects else "still"][node, collects] += 1
        last = node
    return {mode: _text(profile, sites, counted) for mode, counted in counts.items() if counted}


def _text(profile: Profile, sites: CallSites, counts: Mapping[tuple[int, bool], int]) -> str:
    lines = []
    for (node, collects), count in counts.items():
        calls = profile.calls(node)
        tail = (Frame(COLLECTOR, "", 0),) if collects and profile.name(node) != COLLECTOR else ()
        for line, share in _shared(count, profile.lines(node)):
            lines.append(folded(THREAD, (*_frames(calls, line, sites), *tail), share))
    return "".join(f"{each}\n" for each in lines)


def _frames(calls: Sequence[Call], line: int | None, sites: CallSites) -> list[Frame]:
    """line: within the innermost function that has a text, which is not native code's."""
    texts = [index for index, each in enumerate(calls) if each.url]
    innermost = texts[-1] if texts else -1
    found = []
    for index, call in enumerate(calls):
        if index == innermost and line is not None:
            found.append(call.frame(line))
        elif index + 1 < len(calls):
            found.append(call.frame(sites.line(call, calls[index + 1].function)))
        else:
            found.append(call.frame())
    return found


def _shared(count: int, ticks: Mapping[int, int]) -> list[tuple[int | None, int]]:
    """Samples of one node shared out to its lines: V8 tells how many each line has, but not of which sample."""
    total = sum(ticks.values())
    if not total:
        return [(None, count)]
    ends = [0, *accumulate(n for _, n in sorted(ticks.items()))]
    cuts = [round(count * each / total) for each in ends]
    shares = [cuts[i + 1] - cuts[i] for i in range(len(ticks))]
    return [(line, share) for line, share in zip(sorted(ticks), shares, strict=True) if share]


class States:
    """Whether a thread ran, from looks at it: (seconds of the monotonic clock, ran), in order."""

    def __init__(self, looks: Sequence[tuple[float, bool]]) -> None:
        self._times = [t for t, _ in looks]
        self._ran = [ran for _, ran in looks]

    def __call__(self, t: float) -> bool:
        """At the look next to this moment; True where there was none: then all of it counts as CPU."""
        if not self._times:
            return True
        after = min(bisect_left(self._times, t), len(self._times) - 1)
        before = max(0, after - 1)
        return self._ran[after if abs(self._times[after] - t) < abs(self._times[before] - t) else before]
