"""Which process belongs to which target, told from a /proc of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.probes import _tree
from loadlab.services import Target


class Fixed:
    """Targets that stay."""

    def __init__(self, *targets: Target) -> None:
        self.targets = targets

    def now(self) -> tuple[Target, ...]:
        return self.targets


@pytest.mark.parametrize(
    ("ours", "members"),
    [
        # The daemon of another run, whose service has the same name, is nobody's.
        (b"LOADLAB_RUN=one\0LOADLAB_INSTANCE=app/0", [10, 11, 20]),
        # nginx overwrites its environment: which run is ours cannot be told.
        (b"nginx: master", [10, 11, 20, 30]),
    ],
)
def test_a_daemon_belongs_to_the_run_that_started_it(ours: bytes, members: list[int], tmp_path: Path) -> None:
    daemon = b"LOADLAB_INSTANCE=app/0\0LOADLAB_RUN="
    processes = {10: (1, ours), 11: (10, b""), 20: (1, daemon + b"one"), 30: (1, daemon + b"two"), 40: (1, b"HOME=/")}
    for pid, (parent, environ) in processes.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (x) S {parent} {'0 ' * 17}77 0")
        (tmp_path / str(pid) / "environ").write_bytes(environ)
    tree = _tree.Tree(Fixed(Target("app", 0, 10)), tmp_path)
    assert [each.pid for each in tree.members(0.0)] == members
