"""What is made of the samples of one process."""

from __future__ import annotations

import pytest

from loadlab.probes import _native, _perf, _symbols
from loadlab.probes._tree import Member
from loadlab.probes._unwind import LAST, SP, Moment, Step
from loadlab.recording.model import NATIVE
from loadlab.services import Target

OWN, ZLIB = "/srv/app/press", "/usr/lib/libz.so.1"
MAPS = f"00001000-00009000 r-xp 00000000 fe:00 1 {OWN}\n00009000-0000a000 r-xp 00000000 fe:00 2 {ZLIB}\n"
PARTS = [_symbols.Segment(0, 0x8000, 0)]
PROGRAMS = {
    OWN: _symbols.Program(lambda _: (("pack", "", 0),), PARTS, lambda at: LAST if at >= 0x800 else Step(SP, 16, -8)),
    ZLIB: _symbols.Program(lambda _: (("deflate", "", 0),), PARTS, lambda _: Step(SP, 8, -8)),
}


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> _native._Look:
    """At a thread that zlib works for; its copy of the stack has pack, called from where the thread began."""
    monkeypatch.setattr(_symbols.Files, "of", lambda *_: PROGRAMS.get)
    monkeypatch.setattr(_native, "read_all", lambda _: "")  # it has ended since
    one = _native._Look(Member(Target("press", 0, 7), 7, 0), OWN, maps=MAPS, names={8: "press (8)"})
    stack = b"".join(each.to_bytes(8, "little") for each in (0x1100, 0, 0x1900))
    one.kept = [_perf.Sample(8, (0x9010,), Moment(0x9010, 0x7000, 0, 0, stack))] * 3
    one.kept.append(_perf.Sample(8, (0x9010,)))
    return one


def test_a_library_is_called_by_who_asked_for_it(look: _native._Look) -> None:
    """Where the kernel kept no stack, frame pointers say what they know."""
    run = look.run(_symbols.Files())
    pack = f"pack ({OWN}:0)"
    assert run.by_pid == {
        7: f"press (8);deflate (native:libz.so.1:0) 1\npress (8);{pack};{pack};deflate (native:libz.so.1:0) 3\n"
    }
    assert (run.mode, run.error) == (NATIVE, "")


@pytest.mark.parametrize(
    ("lost", "says"), [(0, ""), (1, "1 of 5 samples of press were lost: loadlab was late to read them")]
)
def test_lost_samples_are_told(look: _native._Look, lost: int, says: str) -> None:
    """They are no reason why a line is not known."""
    look.sampler.lost = lost
    run = look.run(_symbols.Files())
    assert (run.error, run.subject) == (says, "samples") and run.by_pid


def test_stacks_are_not_kept_without_end(look: _native._Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "KEPT", 4)
    look.take(_symbols.Files())
    assert look.kept == [] and look.seen.total() == 4
    before = look.run(_symbols.Files())
    assert before.by_pid[7].endswith(" 3\n")


def test_without_what_names_functions_no_more_is_kept(look: _native._Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise _symbols.Missing

    monkeypatch.setattr(_native, "KEPT", 1)
    monkeypatch.setattr(_symbols, "Frames", missing)
    look.take(_symbols.Files())
    look.take(_symbols.Files())
    assert len(look.kept) == 4 and look.run(_symbols.Files()).error == str(_symbols.Missing())
