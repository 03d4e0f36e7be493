"""In what a service is written, and that no remedy names another language's tools."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import NATIVE, Entity, Frame, Stacks
from loadlab.rules import Found
from loadlab.signals import Signals, languages
from tests.build import Builder, Proc, system

PROGRAMS = [
    ("python3.11 -m uvicorn app:app", "Python"),
    ("/usr/bin/uwsgi --http11-socket 127.0.0.1:1", "Python"),
    ("gunicorn: worker [app]", "Python"),
    ("node hall.js 25191", "Node"),
    ("ruby porch.rb 16927", "Ruby"),
    ("puma: cluster worker 0: 4711", "Ruby"),
    ("java -Dsun.net.httpserver.nodelay=true Mint.java 1", "Java"),
    ("php-fpm: pool www", "PHP"),
    ("go run main.go 24172", "Go"),
    ("gotty bash", ""),
    ("/tmp/go-build2318265725/b001/exe/main 24172", ""),
    ("", ""),
]


@pytest.mark.parametrize(("command", "language"), PROGRAMS)
def test_the_language_of_a_program(command: str, language: str) -> None:
    assert languages.of(command) == language


def of(command: str, *more: str) -> Builder:
    """One full core, of a program that is called so."""
    built = system(Proc(cores=0.97))
    for name, many in built.series.items():
        built.series[name] = [
            replace(each, entity=replace(each.entity, name=command))
            if (each.entity.kind, each.entity.service) == ("process", "app")
            else each
            for each in many
        ]
    for each in more:
        built.counter("process.cpu_user_s", Entity("process", "app", 0, 9, 0, each), 0.0)
    return built


REMEDIES = [
    ("node app.js", "node:cluster", "uvicorn"),
    ("python app.py", "gunicorn", "node:cluster"),
    ("java App.java", "executor", "gunicorn"),
    ("./server 8000", "one worker per core", "uvicorn"),
    ("ruby app.rb", "Puma", "uvicorn"),
]


@pytest.mark.parametrize(("command", "names", "never"), REMEDIES)
def test_advice_is_for_the_language_of_the_service(command: str, names: str, never: str) -> None:
    found = ask(units("rules")["single_core"], Signals(of(command).recording()))
    assert isinstance(found, Found)
    assert names in found.faults[0].remedy and never not in found.faults[0].remedy


@pytest.mark.parametrize(
    ("outermost", "advice"), [("runtime.goexit.abi0", "GOMAXPROCS"), ("main", "one worker per core")]
)
def test_a_goroutine_begins_in_gos_runtime(outermost: str, advice: str) -> None:
    built = of("./server 8000")
    frames = (Frame(outermost, "", 0), Frame("main.page", "/srv/app/main.go", 31))
    built.stacks.append(Stacks("app", 0, built.pid, NATIVE, (("server (9)", frames, 100),)))
    found = ask(units("rules")["single_core"], Signals(built.recording()))
    assert isinstance(found, Found)
    assert advice in found.faults[0].remedy


def test_what_go_run_has_built_is_go() -> None:
    built = of("/tmp/go-build2318265725/b001/exe/main 24172", "go run main.go 24172")
    found = ask(units("rules")["single_core"], Signals(built.recording()))
    assert isinstance(found, Found) and "GOMAXPROCS" in found.faults[0].remedy
