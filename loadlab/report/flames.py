"""Flame graphs of the services' processes, as the tree d3-flame-graph reads, small branches left out."""

from __future__ import annotations

from typing import Any

from loadlab.diagnosis.model import Finding
from loadlab.recording.model import Frame, Recording, Stacks
from loadlab.signals.hot import is_users, shown

SMALLEST = 0.004
"""Share of the samples below which a branch is not drawn: under four pixels of a thousand."""
MOST = 12
"""Graphs in one page."""

STILL = ("event_loop_blocked", "worker_pool_exhausted")
"""Kinds about threads that stand still: their graph is of where time goes, not of where CPU goes."""

Node = dict[str, Any]


def data(recording: Recording, finding: Finding | None) -> dict[str, Any]:
    """{"graphs": [{"name", "mode", "samples", "root"}], "blamed": "function (file:line)"}; the culprit's graph
    first."""
    wanted = "all" if finding is not None and finding.kind in STILL else "gil"
    culprit = (finding.service, finding.pid) if finding is not None else ("", None)
    cwd = {each.name: each for each in recording.meta.services}

    def order(stacks: Stacks) -> tuple[bool, bool, bool, int]:
        return (stacks.service != culprit[0], stacks.mode != wanted, stacks.pid != culprit[1], -_count(stacks))

    graphs = [
        {
            "name": f"{each.service} {each.instance}, process {each.pid}",
            "mode": "CPU" if each.mode == "gil" else "time",
            "samples": _count(each),
            "root": tree(each, cwd[each.service]) if each.service in cwd else tree(each, None),
        }
        for each in sorted(recording.stacks, key=order)[:MOST]
        if _count(each)
    ]
    where = finding.where if finding is not None else None
    return {"graphs": graphs, "blamed": f"{where.function} ({where.file}" if where is not None else ""}


def _count(stacks: Stacks) -> int:
    return sum(count for _, _, count in stacks.samples)


def tree(stacks: Stacks, meta: Any) -> Node:
    """One process as nested {"name", "value", "user", "children"}."""
    root: Node = {"name": "all threads", "value": 0, "children": {}}
    for thread, frames, count in stacks.samples:
        root["value"] += count
        node = _child(root, thread, user=False, count=count)
        for frame in frames:
            node = _child(node, _name(frame, meta), user=is_users(frame.file, meta.cwd if meta else ""), count=count)
    return _pruned(root, max(1.0, SMALLEST * root["value"]))


def _child(node: Node, name: str, *, user: bool, count: int) -> Node:
    child: Node = node["children"].setdefault(name, {"name": name, "value": 0, "user": user, "children": {}})
    child["value"] += count
    return child


def _name(frame: Frame, meta: Any) -> str:
    if not frame.file:
        return frame.function
    file = shown(meta, frame.file) if meta is not None else frame.file
    # Library paths are long and alike: what comes after the folder of packages says it all.
    for mark in ("/site-packages/", "/dist-packages/", "/lib/python3"):
        _, found, rest = file.partition(mark)
        if found:
            file = rest.partition("/")[2] if mark == "/lib/python3" else rest
            break
    return f"{frame.function} ({file}:{frame.line})"


def _pruned(node: Node, smallest: float) -> Node:
    children = [_pruned(each, smallest) for each in node["children"].values() if each["value"] >= smallest]
    found = {key: value for key, value in node.items() if key != "children" and value is not False}
    if children:
        found["children"] = sorted(children, key=lambda each: -each["value"])
    return found
