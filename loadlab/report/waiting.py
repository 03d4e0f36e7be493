"""Who waits for whom, as rows: the same graph as in the diagram, for those who want its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from loadlab.report.words import NAMES, percent

MOST_ROWS = 20
FILE = "file:"
OWN = {"lock": "a lock, or work, of its own threads", "sleep": "a sleep of its own"}


@dataclass(frozen=True)
class Row:
    """One waits for the other. requests, threads: means in words, "" where there are none; on_chain: whether most of
    what is under way there waits so."""

    source: str
    to: str
    requests: str
    threads: str
    share: str
    on_chain: bool


@dataclass(frozen=True)
class Graph:
    """All rows, and the chain in one sentence; "" where nobody was seen to wait."""

    rows: tuple[Row, ...]
    further: int
    says: str


def graph(signals: Mapping[str, Any]) -> Graph:
    """From the figures of a diagnosis."""
    found: Mapping[str, Any] = signals.get("waiting", {})
    waits = list(found.get("waits", ()))
    chain = list(found.get("chain", ()))
    links = set(pairwise(chain))
    rows = tuple(_row(each, (each["from"], each["to"]) in links) for each in waits[:MOST_ROWS])
    return Graph(rows, max(0, len(waits) - MOST_ROWS), _says(chain, waits) if waits else "")


def named(name: str) -> str:
    """A node as people call it: a file by its path, a service's own lock in words."""
    return OWN.get(name) or NAMES.get(name) or name.removeprefix(FILE)


def _row(wait: Mapping[str, Any], on_chain: bool) -> Row:
    requests = wait.get("requests")
    return Row(
        named(wait["from"]),
        named(wait["to"]),
        "" if requests is None else f"{requests:.1f}",
        f"{wait['threads']:.1f}" if wait["threads"] >= 0.05 else "",
        percent(wait["share"]) if wait["share"] else "",
        on_chain,
    )


def _says(chain: list[str], waits: list[Mapping[str, Any]]) -> str:
    if len(chain) < 2:
        return f"Most requests in {named(chain[0])} wait for nobody else: their time is its own." if chain else ""
    shares = {(each["from"], each["to"]): each["share"] for each in waits}
    steps = [
        f"{percent(shares.get((a, b)))} of what is under way in {named(a)} waits for {named(b)}"
        for a, b in pairwise(chain)
    ]
    return "; ".join(steps) + f". The chain ends at {named(chain[-1])}."
