"""Which line is blamed for CPU."""

from __future__ import annotations

from loadlab.signals import hot
from tests.build import Builder, Proc

HASHING = ("hash", "/srv/app/passwords.py", 9, 90)
ANSWERING = ("answer", "/srv/app/views.py", 4, 30)


def profile(*modes: tuple[str, tuple[str, str, int, int]]) -> hot.Hot:
    built = Builder().service("app", Proc(cores=0.95))
    for mode, line in modes:
        built.stack("app", mode, line)
    return hot.compute(built.recording())


def running(*modes: tuple[str, tuple[str, str, int, int]]) -> str:
    line = profile(*modes).running("app")
    return line.function if line is not None else ""


def test_python_that_holds_the_interpreter_is_where_it_held_it() -> None:
    assert running(("gil", ("work", "/srv/app/w.py", 1, 180)), ("all", HASHING)) == "work"


def test_native_code_that_lets_go_of_the_interpreter_is_where_the_thread_was() -> None:
    assert running(("gil", ANSWERING), ("all", HASHING), ("all", ANSWERING)) == "hash"


def test_a_thread_that_waits_for_work_was_nowhere() -> None:
    assert running(("gil", ANSWERING), ("all", ("select", "/srv/app/loop.py", 1, 90))) == "answer"


def test_without_stacks_of_all_threads_the_interpreter_tells() -> None:
    assert running(("gil", ANSWERING)) == "answer"
