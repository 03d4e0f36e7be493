"""One thread-state engine for the two probes that read it: started by the first, stopped with the last."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary

from loadlab.probes._peers import Peers
from loadlab.probes._threadstate import Engine
from loadlab.probes._tree import Tree
from loadlab.services import Targets

_engines: WeakKeyDictionary[Targets, tuple[Engine, Peers]] = WeakKeyDictionary()
_users: dict[int, int] = {}
_refreshed: dict[int, float] = {}


def engine(targets: Targets, proc: Path) -> Engine:
    """The engine of these targets; the caller must `release` it."""
    if targets not in _engines:
        peers = Peers(targets, proc)
        made = Engine(Tree(targets, proc), peers, proc)
        _engines[targets] = (made, peers)
        refresh(made, 0.0)
        made.start()
    found = _engines[targets][0]
    _users[id(found)] = _users.get(id(found), 0) + 1
    return found


def refresh(engine: Engine, t: float) -> None:
    """Look for new threads and sockets, at most once per tick whoever asks."""
    if _refreshed.get(id(engine)) == t:
        return
    _refreshed[id(engine)] = t
    for each, peers in _engines.values():
        if each is engine:
            peers.refresh(t)
    engine.refresh(t)


def release(engine: Engine) -> None:
    """One user less; the last one stops it."""
    _users[id(engine)] = _users.get(id(engine), 1) - 1
    if _users[id(engine)] <= 0:
        engine.stop()
        _users.pop(id(engine), None)
        _refreshed.pop(id(engine), None)
        for targets in [key for key, (each, _) in _engines.items() if each is engine]:
            del _engines[targets]
