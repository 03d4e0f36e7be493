"""Thread dumps of HotSpot, taken apart and folded. Pure.

A dump tells of each thread its Java frames, the state that Java gives it, and the number the kernel knows it by.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loadlab.recording.folded import folded
from loadlab.recording.model import LIBRARY, MONITOR, PLATFORM, Frame

HEAD = re.compile(r'^"(?P<name>.*)" .*\bnid=(?P<tid>0x[0-9a-f]+|\d+)\b')
STATE = re.compile(r"^\s+java\.lang\.Thread\.State: (?P<state>[A-Z_]+)")
FRAME = re.compile(r"^\s+at (?P<method>\S+)\((?:(?P<module>[\w.]+)(?:@[^/]*)?/)?(?P<file>[^:)]*)(?::(?P<line>\d+))?\)$")
JDK = ("java.", "jdk.")
"""What the names of the platform's own modules begin with."""

NO_FILE = ("Native Method", "Unknown Source", "Compiled Code")


@dataclass(frozen=True, slots=True)
class JavaFrame:
    """method: "com.shop.Cart$Line.total"; module: "" where it has no name; file: "Cart.java", "" unknown; line: 0
    unknown."""

    method: str
    module: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class JavaThread:
    """tid: the kernel's; state: RUNNABLE, BLOCKED, WAITING, TIMED_WAITING; frames: outermost first."""

    name: str
    tid: int
    state: str
    frames: tuple[JavaFrame, ...]


def parse(text: str) -> list[JavaThread]:
    """The threads of a dump that have Java frames."""
    return [each for block in _blocks(text) if (each := _thread(block)) is not None]


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.splitlines():
        if line.startswith('"'):
            yield block
            block = []
        block.append(line)
    yield block


def _thread(block: list[str]) -> JavaThread | None:
    head = HEAD.match(block[0]) if block else None
    if head is None:
        return None
    state = next((found["state"] for line in block if (found := STATE.match(line))), "")
    frames = tuple(_frame(found) for line in reversed(block) if (found := FRAME.match(line)))
    return JavaThread(head["name"], int(head["tid"], 0), state, frames) if frames else None


def _frame(found: re.Match[str]) -> JavaFrame:
    file = "" if found["file"] in NO_FILE else found["file"]
    return JavaFrame(found["method"], found["module"] or "", file, int(found["line"] or 0))


class Fold:
    """Counts stacks of dump after dump. users: whether a class ("com.shop.Cart$Line") is the user's own."""

    def __init__(self, users: Callable[[str], bool]) -> None:
        self._users = users
        self._seen: Counter[tuple[str, JavaThread]] = Counter()
        self.tids: frozenset[int] = frozenset()
        """Threads of the last dump."""

    def add(self, threads: list[JavaThread], ran: frozenset[int]) -> None:
        """ran: threads which the kernel saw on a core, or ready for one, just before."""
        self.tids = frozenset(each.tid for each in threads)
        for each in threads:
            self._seen["cpu" if each.state == "RUNNABLE" and each.tid in ran else "still", each] += 1

    def texts(self) -> dict[str, str]:
        """Folded text by mode, as of Node: "cpu", where threads ran; "still", where they stood."""
        counts: dict[str, Counter[tuple[str, tuple[Frame, ...]]]] = {"cpu": Counter(), "still": Counter()}
        for (mode, thread), count in self._seen.items():
            counts[mode][f"{thread.name} ({thread.tid})", self._frames(thread, runs=mode == "cpu")] += count
        return {
            mode: "".join(f"{folded(*stack, count)}\n" for stack, count in stacks.items())
            for mode, stacks in counts.items()
            if stacks
        }

    def _frames(self, thread: JavaThread, *, runs: bool) -> tuple[Frame, ...]:
        frames = [self._frame(each) for each in thread.frames]
        if not runs:
            frames = self._called(frames, thread.frames)
        return (*frames, Frame(MONITOR, "", 0)) if thread.state == "BLOCKED" else tuple(frames)

    def _called(self, frames: list[Frame], raw: tuple[JavaFrame, ...]) -> list[Frame]:
        """Of a thread that stands: down to what the user's code called. What that does inside (park, poll) is the same
        for a lock, a socket and an idle pool."""
        mine = [index for index, each in enumerate(raw) if self._is_users(each)]
        return frames[: mine[-1] + 2] if mine else frames

    def _is_users(self, frame: JavaFrame) -> bool:
        return bool(frame.file) and not frame.module.startswith(JDK) and self._users(class_of(frame.method))

    def _frame(self, frame: JavaFrame) -> Frame:
        inside = class_of(frame.method)
        folder = "".join(f"{each}/" for each in inside.split(".")[:-1])
        file = f"{folder}{frame.file}" if frame.file else ""
        if frame.module.startswith(JDK):
            file = f"{PLATFORM}{frame.module}/{file or inside.replace('.', '/')}"
        elif file and not self._is_users(frame):
            file = f"{LIBRARY}{file}"
        return Frame(shown(frame.method), file, frame.line)


def class_of(method: str) -> str:
    """ "com.shop.Cart$Line.total" -> "com.shop.Cart$Line"."""
    return method.rpartition(".")[0].partition("/")[0]


def shown(method: str) -> str:
    """As it is written in a program: "com.shop.Cart$Line.total" -> "Line.total"."""
    name = method.rpartition(".")[2]
    inner = [each for each in class_of(method).rpartition(".")[2].split("$") if each and not each.isdigit()]
    return f"{inner[-1]}.{name}" if inner else name
