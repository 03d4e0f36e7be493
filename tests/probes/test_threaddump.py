"""Thread dumps of HotSpot, as OpenJDK 17 and 21 write them, and which classes are the user's."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes._classes import Classes, parse_properties
from loadlab.probes._threaddump import Fold, JavaFrame, JavaThread, class_of, parse, shown
from loadlab.recording.folded import parse_folded
from loadlab.recording.model import MONITOR
from loadlab.signals.frames import is_users

DUMP = """2026-11-26 19:07:07
Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6-Debian-1deb12u1 mixed mode, sharing):

Threads class SMR info:
_java_thread_list=0x00007f3c20007b90, length=46, elements={
0x00007f3cb00f83c0, 0x00007f3cb00f97a0
}

"Signal Dispatcher" #4 daemon prio=5 cpu=0.29ms nid=0x4058 waiting on condition
   java.lang.Thread.State: RUNNABLE

"HTTP-Dispatcher" #13 prio=5 cpu=40.04ms nid=0x4062 runnable
   java.lang.Thread.State: RUNNABLE
	at sun.nio.ch.EPoll.wait(java.base@17.0.15/Native Method)
	at sun.nio.ch.EPollSelectorImpl.doSelect(java.base@17.0.15/EPollSelectorImpl.java:118)
	- locked <0x000000069ed01628> (a sun.nio.ch.Util$2)
	at java.lang.Thread.run(java.base@17.0.15/Thread.java:840)

"pool-1-thread-1" #15 prio=5 cpu=5.28ms nid=0x4065 waiting for monitor entry
   java.lang.Thread.State: BLOCKED (on object monitor)
	at com.desk.Desk$Ledger.enter(Desk.java:18)
	- waiting to lock <0x000000069ec1a678> (a java.lang.Object)
	at com.desk.Desk.lambda$main$0(Desk.java:46)
	at com.desk.Desk$$Lambda$14/0x00000008000c0000.handle(Unknown Source)
	at com.sun.net.httpserver.Filter$Chain.doFilter(jdk.httpserver@17.0.15/Filter.java:95)
	at java.lang.Thread.run(java.base@17.0.15/Thread.java:840)

"pool-1-thread-2 "quoted"" #16 [16486] prio=5 cpu=5.28ms nid=16486 waiting on condition
   java.lang.Thread.State: TIMED_WAITING (sleeping)
	at java.lang.Thread.sleep0(java.base@21/Native Method)
	at java.lang.Thread.sleep(java.base@21/Thread.java:509)
	at com.desk.Desk$Ledger.look(Desk.java:24)
	at com.desk.Desk.lambda$main$0(Desk.java:47)
	at java.lang.Thread.run(java.base@21/Thread.java:1583)

"pool-1-thread-3" #17 prio=5 cpu=5.28ms nid=0x4067 runnable
   java.lang.Thread.State: RUNNABLE
	at java.util.HashMap.hash(java.base@17.0.15/HashMap.java:338)
	at java.util.HashMap.get(java.base@17.0.15/HashMap.java:556)
	at com.desk.Desk$Ledger.reckon(Desk.java:31)
	at java.lang.Thread.run(java.base@17.0.15/Thread.java:840)

"VM Thread" os_prio=0 cpu=14.92ms elapsed=3.38s tid=0x00007f3cb00f4460 nid=0x4055 runnable

JNI global refs: 12, weak refs: 0
"""


def test_a_dump_is_taken_apart() -> None:
    threads = {each.name: each for each in parse(DUMP)}
    assert set(threads) == {"HTTP-Dispatcher", "pool-1-thread-1", 'pool-1-thread-2 "quoted"', "pool-1-thread-3"}
    blocked = threads["pool-1-thread-1"]
    assert (blocked.tid, blocked.state) == (0x4065, "BLOCKED")
    assert blocked.frames[-1] == JavaFrame("com.desk.Desk$Ledger.enter", "", "Desk.java", 18)
    assert blocked.frames[0] == JavaFrame("java.lang.Thread.run", "java.base", "Thread.java", 840)
    assert threads['pool-1-thread-2 "quoted"'].tid == 16486


def folded_dump() -> dict[str, dict[str, list[str]]]:
    """By mode and thread: its frames as "function file", outermost first."""
    fold = Fold(lambda name: name.startswith("com.desk."))
    fold.add(parse(DUMP), frozenset({0x4067, 0x4062}))
    return {
        mode: {name: [f"{each.function} {each.file}" for each in frames] for name, frames, _ in parse_folded(text)}
        for mode, text in fold.texts().items()
    }


def test_what_ran_and_what_stood() -> None:
    found = folded_dump()
    assert list(found["cpu"]) == ["HTTP-Dispatcher (16482)", "pool-1-thread-3 (16487)"]
    assert found["cpu"]["pool-1-thread-3 (16487)"][-3:] == [
        "Ledger.reckon com/desk/Desk.java",
        "HashMap.get jvm:java.base/java/util/HashMap.java",
        "HashMap.hash jvm:java.base/java/util/HashMap.java",
    ]
    still = found["still"]
    assert still["pool-1-thread-1 (16485)"][-2:] == ["Ledger.enter com/desk/Desk.java", f"{MONITOR} "]
    # Down to what the user's code called, not to what that does inside.
    assert still['pool-1-thread-2 "quoted" (16486)'][-2:] == [
        "Ledger.look com/desk/Desk.java",
        "Thread.sleep jvm:java.base/java/lang/Thread.java",
    ]


def test_a_thread_that_was_not_seen_running_stood() -> None:
    fold = Fold(lambda name: True)
    fold.add(parse(DUMP), frozenset())
    assert set(fold.texts()) == {"still"}
    assert fold.tids == {0x4062, 0x4065, 16486, 0x4067}


def test_files_of_the_platform_and_of_libraries_are_not_the_users() -> None:
    frames = (JavaFrame("org.pool.Pool.take", "", "Pool.java", 3), JavaFrame("com.desk.Desk.go", "", "Desk.java", 9))
    fold = Fold(lambda name: name.startswith("com.desk."))
    fold.add([JavaThread("worker", 7, "RUNNABLE", frames)], frozenset({7}))
    ((_, (library, own), _),) = parse_folded(fold.texts()["cpu"])
    assert library.file == "jar:org/pool/Pool.java" and not is_users(library.file)
    assert own.file == "com/desk/Desk.java" and is_users(own.file, "/srv")


@pytest.mark.parametrize(
    ("method", "inside", "name"),
    [
        ("Desk.main", "Desk", "Desk.main"),
        ("com.desk.Desk$Ledger.enter", "com.desk.Desk$Ledger", "Ledger.enter"),
        ("com.desk.Desk$1.run", "com.desk.Desk$1", "Desk.run"),
        ("Desk$$Lambda$14/0x00000008000c0000.handle", "Desk$$Lambda$14", "Lambda.handle"),
        ("a.B.<init>", "a.B", "B.<init>"),
    ],
)
def test_names(method: str, inside: str, name: str) -> None:
    assert (class_of(method), shown(method)) == (inside, name)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    parse(text)
    parse(DUMP.replace("pool", text))
    parse_properties(text)


def test_properties_as_java_writes_them() -> None:
    assert parse_properties("#Thu\na=b\\:c\\=d\\\\e\npath=/x\\ y\nu=\\u00e4\nnothing\n") == {
        "a": "b:c=d\\e",
        "path": "/x y",
        "u": "ä",
    }


def jar(path: Path, *names: str) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for each in names:
            archive.writestr(each, b"")
    return path.name


def classes(root: Path, path: str, command: str) -> Classes:
    return Classes({"user.dir": "/srv", "java.class.path": path, "sun.java.command": command}, root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "srv"
    folder.mkdir()
    jar(folder / "app.jar", "com/desk/Desk.class", "META-INF/MANIFEST.MF")
    jar(folder / "lib.jar", "org/pool/Pool.class")
    jar(folder / "boot.jar", "org/springframework/boot/Launcher.class", "BOOT-INF/classes/com/desk/Desk.class",
        "BOOT-INF/lib/pool.jar")  # fmt: skip
    (folder / "broken.jar").write_bytes(b"no archive")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "command", "mine", "theirs"),
    [
        ("classes:lib.jar", "com.desk.Desk 8080", "com.desk.Desk", "org.pool.Pool"),
        ("lib.jar:app.jar", "com.desk.Desk", "com.desk.Desk", "org.pool.Pool"),
        ("/srv/app.jar:/srv/lib.jar:broken.jar:none.jar", "desk/com.desk.Desk", "com.desk.Desk", "org.pool.Pool"),
        ("boot.jar", "boot.jar --port 1", "com.desk.Desk", "org.pool.Pool"),
        ("boot.jar", "boot.jar", "com.desk.Desk", "org.springframework.boot.Launcher"),
        ("", "jdk.compiler/com.sun.tools.javac.launcher.Main Desk.java", "Desk", None),
    ],
)
def test_whose_a_class_is(root: Path, path: str, command: str, mine: str, theirs: str | None) -> None:
    found = classes(root, path, command)
    assert found(mine)
    assert theirs is None or not found(theirs)
