"""From what the user typed to a system: files, folders, samples, a command, something that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.errors import LoadlabError, SpecError, UsageError
from loadlab.spec import places, read
from loadlab.spec.adhoc import adhoc
from tests.spec.toml import GOOD, SERVICES


def test_without_an_argument_the_file_here_wins_over_the_sample(tmp_path: Path) -> None:
    assert read.find(None, tmp_path) == places.samples() / "single" / "loadlab.toml"
    (tmp_path / "loadlab.toml").write_text(GOOD)
    assert read.find(None, tmp_path) == tmp_path / "loadlab.toml"


def test_a_file_a_folder_or_a_sample_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "loadlab.toml").write_text(GOOD)
    (tmp_path / "other.toml").write_text(GOOD)
    assert read.find("mine", tmp_path) == tmp_path / "mine" / "loadlab.toml"
    assert read.find("other.toml", tmp_path) == tmp_path / "other.toml"
    assert read.find(str(tmp_path / "other.toml"), Path("/")) == tmp_path / "other.toml"
    assert read.find("cluster", tmp_path) == places.samples() / "cluster" / "loadlab.toml"


def test_a_folder_here_wins_over_a_sample_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "single").mkdir()
    (tmp_path / "single" / "loadlab.toml").write_text(GOOD)
    assert read.find("single", tmp_path) == tmp_path / "single" / "loadlab.toml"


def test_faults_are_found_by_their_last_name(tmp_path: Path) -> None:
    deep = [each for each in places.sample_files() if "/" in each]
    for each in deep:
        assert read.find(each, tmp_path) == read.find(each.rsplit("/", 1)[-1], tmp_path)


def test_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match='"clutser": there is no such file, folder or sample; did you mean "cluster"'):
        read.find("clutser", tmp_path)
    with pytest.raises(UsageError, match=r"empty: this folder has no loadlab\.toml; `loadlab init` in it writes one"):
        read.find("empty", tmp_path)
    with pytest.raises(UsageError, match=r'"no\.toml": there is no such file'):
        read.find("no.toml", tmp_path)


def test_a_file_becomes_a_system_whose_paths_start_at_its_folder(tmp_path: Path) -> None:
    (tmp_path / "loadlab.toml").write_text(GOOD)
    spec = read.system(tmp_path / "loadlab.toml", SERVICES)
    assert spec.folder == tmp_path
    assert [each.unit for each in spec.service] == ["command", "postgres", "nginx", "attached"]
    assert spec.target.name == "lb"


@pytest.mark.parametrize(
    ("uses", "env", "role", "target"),
    [
        ('"nginx"', "", "", "edge"),
        ('"haproxy"', "", "", "edge"),
        ('"redis"', "", "", "app"),
        # app asks through it: it stands inside, and requests come in at app.
        ('"nginx"', '{ BACK = "{edge.url}" }', "", "app"),
        ('"nginx"', "", "external", "app"),
    ],
)
def test_a_balancer_loadlab_starts_gets_the_load_wherever_it_stands_in_the_file(
    tmp_path: Path, uses: str, env: str, role: str, target: str
) -> None:
    upstream = '{ upstream = "back" }' if uses != '"redis"' else "{}"
    (tmp_path / "loadlab.toml").write_text(
        'name = "shop"\n'
        f'[[service]]\nname = "app"\ncommand = ["app", "{{port}}"]\n{f"env = {env}" if env else ""}\n'
        '[[service]]\nname = "back"\ncommand = ["back", "{port}"]\n'
        f'[[service]]\nname = "edge"\nuses = {uses}\nwith = {upstream}\n{f"role = {role!r}" if role else ""}\n'
    )
    assert read.system(tmp_path / "loadlab.toml").target.name == target


def test_a_unit_that_breaks_while_it_checks_is_a_problem_of_its_own(tmp_path: Path) -> None:
    class Broken:
        @staticmethod
        def check(service: object, spec: object) -> list[str]:
            raise KeyError("upstream")

    (tmp_path / "loadlab.toml").write_text(GOOD.replace('name = "lb"', 'name = "lc"'))
    with pytest.raises(SpecError) as caught:
        read.system(tmp_path / "loadlab.toml", {**SERVICES, "nginx": Broken})
    told = "\n".join(caught.value.problems)
    assert "could not be checked, a fault of loadlab's nginx unit: KeyError: 'upstream'" in told
    assert 'load.target = "lb": no service is called that' in told


def test_every_sample_is_valid() -> None:
    for path in places.sample_files().values():
        assert read.system(path).service


@pytest.mark.parametrize(
    ("command", "name", "port"),
    [
        ("uvicorn app:app --port {port}", "uvicorn", None),
        ("python -m uvicorn 'my app':app --port {port}", "uvicorn", None),
        ("python server.py {port}", "server", None),
        ("env PORT={port} node My_Server.js", "my-server", None),
        ("gunicorn -b 127.0.0.1:8000 app:app", "gunicorn", 8000),
        ("uvicorn app:app --port 8001", "uvicorn", 8001),
        ("./bin/api --port=8002", "api", 8002),
    ],
)
def test_a_command_is_a_system(command: str, name: str, port: int | None, tmp_path: Path) -> None:
    spec = adhoc(command=command, path="/orders", folder=tmp_path, services=SERVICES)
    assert (spec.name, spec.load.path, spec.target.port, spec.folder) == (name, "/orders", port, tmp_path)
    assert spec.target.command is not None
    assert spec.target.command[0] == command.split(maxsplit=1)[0], "the first word stays as it was typed"


def test_what_runs_already_is_a_system(tmp_path: Path) -> None:
    passed = adhoc(command="run {port}", services=SERVICES, changes=['app.pass_env=["TOKEN"]', "app.instances=2"])
    assert (passed.service[0].pass_env, passed.service[0].instances) == (("TOKEN",), 2)
    port = adhoc(attach_port=8000, services=SERVICES)
    assert (port.name, port.target.attach and port.target.attach.port) == ("port-8000", 8000)
    pid = adhoc(attach_pid=4711, services=SERVICES)
    assert (pid.name, pid.target.attach and pid.target.attach.pid) == ("pid-4711", 4711)
    url = adhoc(attach_url="https://localhost:8443/orders?page=2", services=SERVICES)
    assert url.target.attach is not None
    assert (url.target.attach.url, url.load.path, url.target.scheme) == (
        "https://localhost:8443", "/orders?page=2", "https",
    )  # fmt: skip
    assert adhoc(attach_url="http://h/a", path="/b", services=SERVICES).load.path == "/b"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "exactly one of --command, --attach, --pid, --url$"),
        ({"command": "x {port}", "attach_pid": 3}, "not --command and --pid"),
        ({"command": ""}, "--command is empty"),
        ({"command": "x 'y"}, "cannot be split into words"),
        ({"command": "python app.py"}, r"names no port; write \{port\}"),
        ({"command": "x --port {prot}"}, r"\{prot\} means nothing; did you mean \{port\}"),
        ({"attach_url": "localhost:8000"}, "expected http:// or https://"),
        ({"attach_url": "http://h:99999999"}, "is no address"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_say_what_would(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        adhoc(**options, services=SERVICES)  # type: ignore[arg-type]


def test_what_fits_no_system_is_refused_like_a_file() -> None:
    with pytest.raises(SpecError, match=r"^--attach: service\[app\]\.attach\.port = 99999: expected 65535 or less$"):
        adhoc(attach_port=99999, services=SERVICES)


def test_places_are_the_checkouts_or_the_copies_in_a_wheel(tmp_path: Path) -> None:
    package = tmp_path / "loadlab"
    (tmp_path / "profiles").mkdir()
    assert places.place("profiles", package) == tmp_path / "profiles"
    (package / "_data" / "profiles").mkdir(parents=True)
    assert places.place("profiles", package) == package / "_data" / "profiles"
    with pytest.raises(LoadlabError, match="lacks its folder sample_apps"):
        places.place("sample_apps", package)
