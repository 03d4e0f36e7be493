"""Folded stacks, as flame graph tools read them, with file and line kept: `thread;function (file:line);... count`."""

from __future__ import annotations

import re
from functools import cache

from loadlab.recording.model import Frame

FRAME = re.compile(r"^(?P<function>.*?)(?: \((?P<file>.*?)(?::(?P<line>\d+))?\))?$")


def parse_folded(text: str) -> tuple[tuple[str, tuple[Frame, ...], int], ...]:
    """(thread, frames outermost first, count) of each line. Lines that are none are passed over."""
    found = []
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if stack and count.isdigit():
            found.append((thread, tuple(parse_frame(each) for each in frames), int(count)))
    return tuple(found)


@cache
def parse_frame(text: str) -> Frame:
    """ "render (/srv/app.py:42)"; file and line are empty and 0 where they are not given."""
    match = FRAME.match(text)
    if match is None or match["file"] is None:
        return Frame(text, "", 0)
    return Frame(match["function"], match["file"], int(match["line"] or 0))


def folded(thread: str, frames: tuple[Frame, ...], count: int) -> str:
    """The line `parse_folded` reads. Semicolons and line ends inside names would break it, so they are replaced;
    " (" would be read as the beginning of a file's name."""
    parts = [thread, *(f"{each.function.replace(' (', '(')} ({each.file}:{each.line})" for each in frames)]
    return ";".join(re.sub(r"[;\r\n]", "_", part) for part in parts) + f" {count}"
