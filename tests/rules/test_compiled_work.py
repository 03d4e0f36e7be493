"""Compiled programs whose own threads use the cores, and what they use them for."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import NATIVE, Frame, Stacks
from loadlab.rules import Clear, Found
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread

GO = "native:/usr/lib/go-1.19/src"
HANDLE = Frame("main.reply", "/srv/desk/main.go", 34)
MIDDLE = (Frame("gzhttp.handle", "native:/home/me/go/pkg/mod/github.com/klauspost/compress@v1.17.0/gzhttp/gzip.go", 9),)
CALLED = {
    "go": (Frame("flate.(*compressor).deflate", f"{GO}/compress/flate/deflate.go", 408),),
    "for it, in the runtime": (
        Frame("flate.NewWriter", f"{GO}/compress/flate/deflate.go", 666),
        Frame("runtime.mallocgc", f"{GO}/runtime/malloc.go", 906),
    ),
    "C": (Frame("deflate", "native:libz.so.1.2.13", 0),),
    "Rust": (Frame("miniz_oxide::compress", "native:/home/me/.cargo/registry/miniz_oxide-0.7.1/src/lib.rs", 7),),
    "unpacks": (Frame("flate.(*decompressor).Read", f"{GO}/compress/flate/inflate.go", 350),),
    "JSON": (Frame("json.Marshal", f"{GO}/encoding/json/encode.go", 160),),
}


def desk(
    called: tuple[Frame, ...], count: int = 60, *, above: tuple[Frame, ...] = (), mode: str = NATIVE, idle: float = 0.2
) -> Builder:
    """Recorded of Go: one process, three threads of which want a core, beside the generator on two cores."""
    turns = [
        Thread(cores, 0.2, {"running": cores + 0.2, "idle_epoll": 0.03}, "idle_epoll") for cores in (0.5, 0.4, 0.3)
    ]
    built = Builder().service("desk", Proc(cores=1.2, run_delay=0.6, threads=turns))
    built.load().generator(cores=0.4).host(idle=idle).edge("generator", "desk", outstanding=8)
    samples = (("desk (9)", (*above, HANDLE, *called), count), ("desk (9)", (*above, HANDLE), 100 - count))
    built.stacks.append(Stacks("desk", 0, pid(built), mode, samples))
    return built


def pid(built: Builder) -> int:
    return next(each.entity.pid for each in built.series["process.cpu_user_s"] if each.entity.service == "desk")


@pytest.mark.parametrize("what", CALLED)
def test_compressing_is_told_by_the_library_that_is_called(what: str) -> None:
    found = ask(units("rules")["compression_cost"], Signals(desk(CALLED[what]).recording()))
    if what in ("unpacks", "JSON"):
        assert isinstance(found, Clear)
    else:
        assert isinstance(found, Found)
        assert found.faults[0].sentence == "desk spends 60% of its CPU compressing in main.reply() at main.go:34"


def test_what_a_handler_does_below_a_library_that_compresses_its_answer_is_not_compressing() -> None:
    built = desk(CALLED["JSON"], above=MIDDLE)
    assert isinstance(ask(units("rules")["compression_cost"], Signals(built.recording())), Clear)


def test_several_threads_of_one_process_use_all_cores() -> None:
    first = diagnose(desk(CALLED["JSON"]).recording()).bottleneck
    assert first is not None and first.kind == "all_cores"
    assert first.where is not None and first.where.function == "main.reply"


@pytest.mark.parametrize("mode", ["gil", "all"])
def test_those_that_share_one_interpreter_do_not(mode: str) -> None:
    found = ask(units("rules")["all_cores"], Signals(desk(CALLED["JSON"], mode=mode).recording()))
    assert isinstance(found, Clear)
