"""Flame graphs of the services' processes, as the tree d3-flame-graph reads: small branches left out, and runs of
library frames that only pass the call on folded into one."""

from __future__ import annotations

from typing import Any

from loadlab.diagnosis.model import Finding
from loadlab.recording.model import Frame, Recording, ServiceMeta, Stacks
from loadlab.rules import Where
from loadlab.signals.frames import is_users, shown

SMALLEST = 0.004
"""Share of the samples below which a branch is not drawn: under four pixels of a thousand."""
MOST = 12
"""Graphs in one page."""
DEEPEST = 120
"""Frames of a stack that are drawn; what a recursion puts below them is said in one frame."""
PASSES_ON = 0.97
"""A library frame that spends more than this in one other only passes the call on."""
FOLDED = 3
"""Fewest frames worth folding: two are read as fast as the fold."""

STILL = ("event_loop_blocked", "worker_pool_exhausted")
"""Kinds about threads that stand still: their graph is of where time goes, not of where CPU goes."""

Node = dict[str, Any]


def data(recording: Recording, finding: Finding | None) -> list[dict[str, Any]]:
    """[{"name", "mode", "samples", "root"}], the culprit's first. Of a node: name, value, user, blamed, children."""
    on_cpu = finding is None or finding.kind not in STILL
    culprit = (finding.service, finding.pid) if finding is not None else ("", None)
    services = {each.name: each for each in recording.meta.services}

    def order(stacks: Stacks) -> tuple[bool, bool, bool, int]:
        return (stacks.service != culprit[0], stacks.on_cpu != on_cpu, stacks.pid != culprit[1], -_count(stacks))

    chosen = [each for each in sorted(recording.stacks, key=order) if _count(each)][:MOST]
    return [
        {
            "name": f"{each.service} {each.instance}, process {each.pid}",
            "mode": "CPU" if each.on_cpu else "time",
            "samples": _count(each),
            "root": tree(each, services.get(each.service), _blamed(finding, each)),
        }
        for each in chosen
    ]


def _blamed(finding: Finding | None, stacks: Stacks) -> Where | None:
    return finding.where if finding is not None and finding.service == stacks.service else None


def _count(stacks: Stacks) -> int:
    return sum(count for _, _, count in stacks.samples)


def tree(stacks: Stacks, service: ServiceMeta | None, where: Where | None = None) -> Node:
    """One process as nested nodes."""
    cwd = service.cwd if service else ""
    root: Node = {"name": "all threads", "value": 0, "plain": True, "children": {}}
    for thread, frames, count in stacks.samples:
        root["value"] += count
        node = _child(root, thread, count, plain=True)
        for frame in frames[:DEEPEST]:
            blamed = where is not None and (frame.function, _file(frame, service)) == (where.function, where.file)
            node = _child(node, _name(frame, service), count, user=is_users(frame.file, cwd), blamed=blamed)
        if len(frames) > DEEPEST:
            _child(node, f"{len(frames) - DEEPEST} frames deeper", count, plain=True)
    return _folded(_pruned(root, max(1.0, SMALLEST * root["value"])))


def _child(node: Node, name: str, count: int, **marks: bool) -> Node:
    """marks: user, blamed; plain for what is no frame (threads)."""
    child: Node = node["children"].setdefault(name, {"name": name, "value": 0, **marks, "children": {}})
    child["value"] += count
    return child


def _file(frame: Frame, service: ServiceMeta | None) -> str:
    return shown(service, frame.file) if service is not None else frame.file


def _name(frame: Frame, service: ServiceMeta | None) -> str:
    if not frame.file:
        return frame.function
    file = _file(frame, service)
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
        found["children"] = sorted(children, key=lambda each: (-each["value"], each["name"]))
    return found


def _folded(node: Node) -> Node:
    """Runs of library frames as one; what is the user's is never folded."""
    chain = [node]
    while (only := _passes_on(chain[-1])) is not None:
        chain.append(only)
    last = chain[-1]
    found = dict(node)
    if len(chain) >= FOLDED:
        name = f"{len(chain)} library frames: {_short(node)} … {_short(last)}"
        found = {**last, "name": name, "value": node["value"]}
    children = found.pop("children", [])
    if children:
        found["children"] = [_folded(each) for each in children]
    return found


def _passes_on(node: Node) -> Node | None:
    """The only child of a library frame, where that is a library's too and takes nearly all of it."""
    children = node.get("children", [])
    if len(children) != 1 or not (_is_library(node) and _is_library(children[0])):
        return None
    only: Node = children[0]
    return only if only["value"] >= PASSES_ON * node["value"] else None


def _is_library(node: Node) -> bool:
    return not node.get("user") and not node.get("plain")


def _short(node: Node) -> str:
    return str(node["name"]).partition(" (")[0]
