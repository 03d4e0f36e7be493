"""Which line is blamed for CPU."""

from __future__ import annotations

import pytest

from loadlab.recording.model import Frame, Stacks
from loadlab.rules import blame, takes
from loadlab.signals import frames, hot
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


def test_of_a_process_that_uses_more_than_the_interpreter_can_all_threads_at_work_count() -> None:
    idle = ("_worker", "/usr/lib/python3.11/concurrent/futures/thread.py", 81, 50)
    seen = profile(("gil", ANSWERING), ("all", HASHING), ("all", idle))
    line = seen.native("app")
    assert line is not None and (line.function, line.share) == ("hash", 1.0)
    few = profile(("gil", ANSWERING), ("all", ("hash", "/srv/app/passwords.py", 9, 5))).native("app")
    assert few is not None and few.function == "answer", "five samples name nobody"


@pytest.mark.parametrize(
    ("inner", "named"),
    [
        ("work.<locals>.<listcomp>", "work"),
        ("work.<locals>.<dictcomp>.<locals>.<genexpr>", "work"),
        ("<setcomp>", "work"),
        ("work.<locals>.<lambda>", "work.<locals>.<lambda>"),
        ("<lambda>", "<lambda>"),
    ],
)
def test_a_comprehension_is_part_of_the_function_it_stands_in(inner: str, named: str) -> None:
    built = Builder().service("app", Proc(cores=0.95))
    outer, file = Frame("work", "/srv/app/w.py", 3), "/srv/app/w.py"
    samples = (("MainThread", (outer,), 40), ("MainThread", (outer, Frame(inner, file, 7)), 60))
    built.stacks.append(Stacks("app", 0, built.pid, "gil", samples))
    line = hot.compute(built.recording()).hottest("app")
    assert line is not None and (line.function, line.line) == (named, 7)
    assert line.share == (1.0 if named == "work" else 0.6)


def test_of_a_template_that_was_compiled_no_line_is_known() -> None:
    line = profile(("gil", ("root", "/srv/app/list.html", 37, 180))).hottest("app")
    where = blame(line)
    assert where is not None and (where.file, where.line, where.place) == ("list.html", None, "list.html")


@pytest.mark.parametrize(("full", "share"), [(True, 0.9), (False, 0.1)])
def test_connections_that_are_set_up_in_native_code(full: bool, share: float) -> None:
    context = ("create_default_context", "/usr/lib/python3.11/ssl.py", 770, 90)
    client = ("request", "/srv/app/client.py", 4, 10)
    held = [("gil", ("create_default_context", "/usr/lib/python3.11/ssl.py", 770, 3)), ("gil", (*client[:3], 27))]
    seen = profile(*held, ("all", context), ("all", client))
    assert seen.connecting("app", full=full) == pytest.approx(share)


def test_a_thread_that_waits_for_work_was_nowhere() -> None:
    assert running(("gil", ANSWERING), ("all", ("select", "/srv/app/loop.py", 1, 90))) == "answer"


def test_without_stacks_of_all_threads_the_interpreter_tells() -> None:
    assert running(("gil", ANSWERING)) == "answer"


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("/srv/app/views.py", True),
        ("/srv/app/lib/prices.js", True),
        ("/srv/app/node_modules/express/lib/router.js", False),
        ("/srv/app/.venv/lib/python3.11/site-packages/flask/app.py", False),
        ("/usr/lib/python3.11/json/encoder.py", False),
        ("/srv/other/views.py", True),
        ("node:internal/child_process", False),
        ("wasm://wasm/8a3f", False),
        ("<frozen importlib._bootstrap>", False),
        ("", False),
    ],
)
def test_whose_file_it_is(file: str, users: bool) -> None:
    assert frames.is_users(file, "/srv/app") is users


def test_a_service_that_lies_in_a_package_is_the_users() -> None:
    cwd = "/venv/lib/python3.11/site-packages/loadlab/_data/sample_apps"
    assert frames.is_users(f"{cwd}/shop/app.py", cwd)
    assert not frames.is_users(f"{cwd}/node-pm2/node_modules/pm2/index.js", cwd)


PACKAGES = "/v/lib/python3.11/site-packages"
SERVES = (
    Frame("run", f"{PACKAGES}/uvicorn/server.py", 60),
    Frame("Handle._run", "/usr/lib/python3.11/asyncio/events.py", 80),
    Frame("serialize_response", f"{PACKAGES}/fastapi/routing.py", 200),
)
ENCODES = Frame("jsonable_encoder", f"{PACKAGES}/fastapi/encoders.py", 300)
HANDLER = Frame("feed", "/srv/app/srv.py", 12)


@pytest.mark.parametrize(
    ("samples", "named"),
    [
        ([((*SERVES, ENCODES), 20), ((*SERVES, ENCODES, ENCODES), 60), ((*SERVES, HANDLER), 20)], 0.8),
        ([((*SERVES, ENCODES), 45), ((*SERVES, HANDLER, ENCODES), 55)], 0.45),
        ([((*SERVES, ENCODES), 30), ((*SERVES, HANDLER), 70)], None),
        ([(SERVES[:2], 80), ((*SERVES, HANDLER), 20)], None),
        ([((*SERVES, ENCODES), 10)], None),
    ],
    ids=["what it returned is made JSON", "partly for the user", "a part only", "what runs others", "too few"],
)
def test_what_a_framework_does_by_itself(samples: list[tuple[tuple[Frame, ...], int]], named: float | None) -> None:
    built = Builder().service("app", Proc(cores=0.95))
    stacks = tuple(("MainThread", frames, count) for frames, count in samples)
    built.stacks.append(Stacks("app", 0, built.pid, "gil", stacks))
    found = hot.compute(built.recording()).outside("app")
    assert (found and found.share) == named
    if found is not None:
        assert (found.function, found.file) == ("jsonable_encoder", "fastapi/encoders.py")
        own = blame(hot.compute(built.recording()).hottest("app"))
        more = found.share > (own.share or 0.0) if own is not None else True
        assert ("called by no line of its own" in takes(own, found)) is more


def test_the_script_that_starts_an_installed_program_is_nobodys_line() -> None:
    script = Frame("<module>", "/srv/venv/bin/gunicorn", 10)
    built = Builder().service("app", Proc(cores=0.95))
    inner = Frame("SyncWorker.handle", f"{PACKAGES}/gunicorn/workers/sync.py", 30)
    built.stacks.append(Stacks("app", 0, built.pid, "gil", (("MainThread", (script, inner), 90),)))
    assert hot.compute(built.recording()).hottest("app") is None


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ((40, 35, 25), ("work", 36, 0.5)),
        ((90, 5, 5), ("scale", 7, 0.45)),
        ((0, 0, 0), None),
    ],
    ids=["several that cost alike", "one of them", "an entry point alone"],
)
def test_what_calls_several_that_cost_alike(parts: tuple[int, int, int], named: tuple[str, int, float] | None) -> None:
    """Recorded of Go: one goroutine loads, scales and encodes; a third of the user's CPU is the most that one takes."""
    root, work = Frame("start.func1", "/srv/app/main.go", 28), Frame("work", "/srv/app/main.go", 36)
    inner = [Frame(name, "/srv/app/scale.go", 7) for name in ("scale", "encode", "load")]
    samples = [("mill", (root, work, one), count) for one, count in zip(inner, parts, strict=True) if count]
    if named is None:
        samples = [("mill", (Frame("main.main", "/srv/app/main.go", 9),), 100)]
    samples.append(("mill", (Frame("futex", "native:runtime", 0),), 100))
    built = Builder().service("app", Proc(cores=0.95))
    built.stacks.append(Stacks("app", 0, built.pid, "native", tuple(samples)))
    line = hot.compute(built.recording()).around("app")
    assert (None if line is None else (line.function, line.line, line.share)) == named
