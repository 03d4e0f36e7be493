"""Lines of running Node processes: from outside, with no port left open."""

from __future__ import annotations

import http.client
import json
import resource
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.probes import _sockets, _v8
from loadlab.probes import threads as states
from loadlab.probes._stack_run import StackRun
from loadlab.probes._tree import Member, Tree
from loadlab.recording.folded import parse_folded
from loadlab.services import Target, _find

pytestmark = [pytest.mark.real, pytest.mark.skipif(shutil.which("node") is None, reason="no Node here")]
LOOK_S = 1.5

SERVER = """
const http = require("node:http");
const { execFileSync } = require("node:child_process");
class Pages {
  *parts() { let sum = 0; for (let i = 0; i < 3e6; i += 1) sum += i % 7; yield sum; }
  async page() { return [...this.parts()][0]; }
}
const pages = new Pages();
function ask() {
  return execFileSync("/bin/sleep", ["0.02"]);
}
const server = http.createServer(async (request, response) => {
  if (request.url === "/hot") await pages.page();
  if (request.url === "/ask") ask();
  response.end("ok");
}).listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


@dataclass
class Node:
    """A server; as Targets, itself alone."""

    process: subprocess.Popen[str]
    target: Target

    def now(self) -> tuple[Target, ...]:
        """It, while it runs."""
        return (self.target,)

    __hash__ = object.__hash__

    @property
    def member(self) -> Member:
        """As the probes see it."""
        return next(each for each in Tree(self).members(0.0) if each.pid == self.process.pid)


@pytest.fixture
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    """Started with the options of the test's parameter."""
    (tmp_path / "server.js").write_text(SERVER)
    command = ["node", *getattr(request, "param", ()), "server.js"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Node(process, Target("app", 0, process.pid, ports=(port,)))
    finally:
        process.kill()
        process.communicate()


class Load:
    """Asks for one path, again and again, while it is held."""

    def __init__(self, node: Node, path: str) -> None:
        self._port, self._path = node.target.ports[0], path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._stop.is_set():
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", self._path)
                connection.getresponse().read()
        connection.close()


def look(node: Node, path: str) -> list[StackRun]:
    with Load(node, path):
        return _v8.record([node.member], LOOK_S, SYSTEM, threading.Event())


def lines(runs: list[StackRun], mode: str, file: str) -> Counter[tuple[str, int]]:
    """Samples by the innermost function and line of a file."""
    found: Counter[tuple[str, int]] = Counter()
    for run in runs:
        for text in run.by_pid.values() if run.mode == mode else ():
            for _, frames, count in parse_folded(text):
                mine = [each for each in frames if each.file.endswith(file)]
                if mine:
                    found[mine[-1].function, mine[-1].line] += count
    return found


def ports(node: Node) -> set[int]:
    mine = set(_find.sockets(node.process.pid))
    return {each.port for each in _sockets.dump(1 << _sockets.LISTEN) if each.inode in mine}


@pytest.mark.parametrize(
    ("path", "mode", "function", "line"), [("/hot", "cpu", "parts", 5), ("/ask", "still", "ask", 10)]
)
def test_the_line_is_named_and_no_port_stays_open(node: Node, path: str, mode: str, function: str, line: int) -> None:
    before = ports(node)
    found = lines(look(node, path), mode, "server.js")
    (top, count), *_ = found.most_common(1)
    assert top == (function, line)
    assert count >= 0.6 * found.total() >= 60
    assert (node.process.poll(), ports(node)) == (None, before)


@pytest.mark.parametrize("node", [("--inspect=0",)], indirect=True)
def test_an_inspector_of_the_users_is_used_and_left_open(node: Node) -> None:
    node.target = replace(node.target, attached=True)
    before = ports(node)
    assert len(before) == 2
    assert lines(look(node, "/hot"), "cpu", "server.js").most_common(1)[0][0] == ("parts", 5)
    assert (node.process.poll(), ports(node)) == (None, before)


def test_nothing_is_opened_in_a_process_of_somebody_else(node: Node) -> None:
    node.target = replace(node.target, attached=True)
    (run,) = look(node, "/hot")
    assert "attached" in run.error and not run.by_pid
    assert len(ports(node)) == 1


def test_a_loop_inside_a_blocking_call_is_not_taken_for_an_idle_one(node: Node) -> None:
    probe = states.open(node)
    try:
        SYSTEM.sleep(0.3)
        with Load(node, "/ask"):
            SYSTEM.sleep(1.0)
            rows = {entity.tid: values for entity, values in probe.read(1.0)}
    finally:
        probe.close()
    seen = dict(zip((each.name for each in states.METRICS), rows[node.process.pid], strict=True))
    assert seen["wait_child"] >= 0.4 * seen["samples"], json.dumps(seen)


def test_a_process_near_its_limit_of_open_files_is_left_alone(node: Node) -> None:
    """Node ends as a whole where its inspector gets no descriptor."""
    used = len(list(Path(f"/proc/{node.process.pid}/fd").iterdir()))
    resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (used + 6, used + 6))
    (run,) = look(node, "/hot")
    assert "near its limit of open files" in run.error and not run.by_pid
    assert node.process.poll() is None
