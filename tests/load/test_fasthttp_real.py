"""Locust's own tests of FastHttpUser, held against both classes; what differs is what docs/load.md says, no more."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.sources import ROOT

pytestmark = pytest.mark.real


def test_wire_does_what_fast_does_but_for_what_the_docs_say() -> None:
    argv = [sys.executable, "-m", "tests.load.fasthttp_cases"]
    running = [subprocess.Popen([*argv, kind], cwd=ROOT, stdout=subprocess.PIPE) for kind in ("fast", "wire")]
    fast, wire = (json.loads(each.communicate(timeout=60)[0]) for each in running)
    assert len(fast) == len(wire) > 40
    assert {name: why for name, why in fast.items() if why} == {}, "a case that Locust itself does not keep is none"
    differs = set(re.findall(r"^\| `(test_\w+)`", (ROOT / "docs/load.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {name: why for name, why in wire.items() if why}.keys() == differs
