from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.errors import ServerMissing
from loadlab.services import Server, _resolver
from loadlab.services._resolver import Kind

TOLD = """nginx version: nginx/1.22.1
built with OpenSSL 3.0.22 25 Aug 2026
configure arguments: --with-cc-opt='-g -O2' --with-http_stub_status_module --without-http_gzip_module
"""


def program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'fake version: {version}' >&2\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server nobody has, and a wheel of it."""
    program(tmp_path / "site/loadlab_fake_wheel/bin/fakeserver", "3.3")
    (tmp_path / "site/loadlab_fake_wheel/__init__.py").write_text("raise RuntimeError('never imported')")
    kind = Kind("fakeserver", "fake-apt", "loadlab_fake_wheel", "bin/fakeserver", ("-V",))
    monkeypatch.setattr(_resolver, "KINDS", {"fakeserver": kind})
    monkeypatch.setattr(_resolver, "SYSTEM_FOLDERS", (str(tmp_path / "sbin"),))


def test_what_a_server_says_of_itself() -> None:
    assert _resolver.told(TOLD) == (
        "1.22.1",
        frozenset({"with-cc-opt", "with-http_stub_status_module", "without-http_gzip_module"}),
    )
    assert _resolver.told("no number") == ("", frozenset())


def test_versions_are_compared_as_numbers() -> None:
    assert Server(Path("x"), "1.22.1").at_least(1, 19, 5)
    assert not Server(Path("x"), "1.9.15").at_least(1, 19, 5)
    assert not Server(Path("x"), "").at_least(1)


def test_the_users_setting_wins_over_path_over_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    path = {"PATH": str(tmp_path / "bin")}
    assert _resolver.find("fakeserver", None, path).version == "3.3"
    program(tmp_path / "sbin/fakeserver", "2.2")
    assert _resolver.find("fakeserver", None, path).version == "2.2"
    program(tmp_path / "bin/fakeserver", "2.1")
    assert _resolver.find("fakeserver", None, path).version == "2.1"
    setting = {"LOADLAB_FAKESERVER": str(program(tmp_path / "own/mine", "1.1"))}
    assert _resolver.find("fakeserver", None, path | setting).version == "1.1"
    named = str(program(tmp_path / "own/named", "1.0"))
    assert _resolver.find("fakeserver", named, path | setting) == Server(Path(named), "1.0", frozenset())
    assert _resolver.versions(path) == {"fakeserver": "2.1"}


def test_a_missing_server_names_both_ways_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(ServerMissing) as caught:
        _resolver.find("fakeserver", None, {"PATH": str(tmp_path)})
    for part in ("apt-get install fake-apt", "pip install 'loadlab[services]'", "LOADLAB_FAKESERVER"):
        assert part in str(caught.value)
    assert _resolver.versions({"PATH": str(tmp_path)}) == {}


def test_a_setting_that_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(ServerMissing, match=r"'/nowhere/x', named for fakeserver, is no program"):
        _resolver.find("fakeserver", "/nowhere/x", {})


def test_a_binary_for_another_machine(tmp_path: Path) -> None:
    program(tmp_path / "bin/fakeserver", "").write_bytes(b"\x7fELF of something else")
    with pytest.raises(ServerMissing, match="does not run on this machine"):
        _resolver.find("fakeserver", None, {"PATH": str(tmp_path / "bin")})


def test_another_program_of_the_same_kind_a_folder_before_path_and_a_version_told_by_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {
        "cache": Kind("cache-a", "cache", "", "", ("-V",), also=("cache-b",)),
        "broker": Kind("broker", "broker", "", "", (), first=(f"{str(tmp_path)[1:]}/inner/*/bin",)),
    }
    monkeypatch.setattr(_resolver, "KINDS", kinds)
    path = {"PATH": str(tmp_path / "bin")}
    program(tmp_path / "bin/cache-b", "9.1")
    program(tmp_path / "bin/broker", "a wrapper that is not asked")
    inner = program(tmp_path / "inner/broker-3.10.8/bin/broker", "1.0")
    assert _resolver.find("cache", None, path).version == "9.1"
    assert _resolver.find("broker", None, path) == Server(inner, "3.10.8", frozenset())
    program(tmp_path / "bin/cache-a", "7.0")
    assert _resolver.versions(path) == {"cache": "7.0", "broker": "3.10.8"}


def test_a_server_without_a_wheel_does_not_offer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resolver, "KINDS", {"cache": Kind("cache", "cache", "", "", ("-V",))})
    with pytest.raises(ServerMissing) as caught:
        _resolver.find("cache", None, {"PATH": str(tmp_path)})
    assert "apt-get install cache" in str(caught.value) and "pip" not in str(caught.value)
