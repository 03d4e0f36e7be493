"""The language each service is written in, as far as its processes and profilers tell: what advice to give depends on
it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

from loadlab.recording.model import NATIVE, Recording, Stacks

PROGRAMS = {
    "python": "Python",
    "pypy": "Python",
    "gunicorn": "Python",
    "uvicorn": "Python",
    "uwsgi": "Python",
    "celery": "Python",
    "node": "Node",
    "npm": "Node",
    "pm2": "Node",
    "ruby": "Ruby",
    "puma": "Ruby",
    "java": "Java",
    "php": "PHP",
    "go": "Go",
    "dotnet": ".NET",
}
"""How the names of programs begin: python3.11, "gunicorn: worker", php-fpm8.2. `go` is `go run`'s, beside the program
that it has built, which has a name of its own."""

WHOLE = frozenset({"go"})
"""Those that are too short for a beginning: `gotty` is another program."""

MODES = {"gil": "Python", "all": "Python"}
"""Of stacks, by who reads them (recording/model.Stacks)."""


def compute(recording: Recording) -> Mapping[str, str]:
    """By service; one whose language nothing tells is not there: most compiled programs look like any other. Of several
    programs in a service, the one with most processes."""
    found = {each.service: MODES[each.mode] for each in recording.stacks if each.mode in MODES}
    found |= {each.service: "Go" for each in recording.stacks if each.mode == NATIVE and _is_go(each)}
    found |= {each.entity.service: "Java" for each in recording.series("jvm.gc_s")}
    votes: dict[str, Counter[str]] = {}
    for series in recording.series("process.cpu_user_s"):
        language = of(series.entity.name)
        if language:
            votes.setdefault(series.entity.service, Counter())[language] += 1
    return {name: each.most_common(1)[0][0] for name, each in votes.items()} | found


def _is_go(stacks: Stacks) -> bool:
    """Every goroutine begins in its runtime."""
    return any(frames and frames[0].function.startswith("runtime.") for _, frames, _ in stacks.samples)


def of(command: str) -> str:
    """The language of a program, as its command line tells: "/usr/bin/python3 -m app" is Python; "" where it does not
    tell."""
    words = command.split(maxsplit=1)
    program = PurePath(words[0].rstrip(":")).name.lower() if words else ""
    for begins, language in PROGRAMS.items():
        if program == begins or (program.startswith(begins) and begins not in WHOLE):
            return language
    return ""
