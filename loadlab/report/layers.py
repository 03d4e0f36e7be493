"""Puts boxes into columns: callers before those they call, however long the way."""

from __future__ import annotations

from collections.abc import Sequence


def layers(root: str, calls: Sequence[tuple[str, str]], names: Sequence[str]) -> list[list[str]]:
    """Columns of names, the root first, each as far right as its longest way from the root. Circles are cut where they
    close; who is called by nobody stands right after the root."""
    order: list[str] = []
    forward = _without_circles(root, calls, names, order)
    depth = dict.fromkeys(order, 1) | {root: 0}
    for caller in order:
        for callee in (b for a, b in forward if a == caller):
            depth[callee] = max(depth[callee], depth[caller] + 1)
    columns: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in sorted(depth, key=lambda each: (names.index(each) if each in names else len(names), each)):
        columns[depth[name]].append(name)
    return [each for each in columns if each]


def _without_circles(
    root: str, calls: Sequence[tuple[str, str]], names: Sequence[str], order: list[str]
) -> set[tuple[str, str]]:
    """The calls that lead forward; `order` gets every name, callers first."""
    forward: set[tuple[str, str]] = set()
    done: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        for callee in [b for a, b in calls if a == name]:
            if callee not in (*above, name):
                forward.add((name, callee))
                if callee not in done:
                    visit(callee, (*above, name))
        if name not in done:
            done.append(name)

    for name in (root, *names):
        if name not in done:
            visit(name, ())
    order.extend(reversed(done))
    return forward
