from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadlab.errors import ServiceError, SpecError
from loadlab.services import ProcessPlan, Server, _resolver, nginx
from loadlab.services._plans import plan_all
from tests.services.conftest import APPS, Launcher, get, names_of, spec_of, until, web

APP = {"name": "app", "command": ["run", "{port}"], "instances": 2}


def balancer(**with_: Any) -> dict[str, Any]:
    return {"name": "lb", "uses": "nginx", "with": {"upstream": "app"} | with_}


def process(with_: dict[str, Any], folder: Path = APPS, **more: Any) -> ProcessPlan:
    spec = spec_of(APP, balancer(**with_), folder=folder)
    plans = plan_all(spec, Path("/recording"), names_of(spec, **more))
    return next(each for each in plans if each.service == "lb").processes[0]


def lines(with_: dict[str, Any], **more: Any) -> list[str]:
    return [each.strip() for each in process(with_, **more).files["nginx.conf"].splitlines()]


@pytest.mark.parametrize(
    ("with_", "upstream"),
    [
        ({}, ["server 127.0.0.1:7001;", "server 127.0.0.1:7002;", "keepalive 32;"]),
        ({"strategy": "round_robin"}, ["server 127.0.0.1:7001;", "server 127.0.0.1:7002;", "keepalive 32;"]),
        ({"strategy": "least_conn"}, ["least_conn;", "server 127.0.0.1:7001;"]),
        ({"strategy": "ip_hash"}, ["ip_hash;", "server 127.0.0.1:7001;"]),
        ({"strategy": "random", "keepalive": 8}, ["random;", "server 127.0.0.1:7001;", "keepalive 8;"]),
        ({"hash": "$cookie_session"}, ["hash $cookie_session consistent;", "server 127.0.0.1:7001;", "keepalive 32;"]),
        ({"weights": [3, 1]}, ["server 127.0.0.1:7001 weight=3;", "server 127.0.0.1:7002;"]),
    ],
)
def test_the_upstream_block(with_: dict[str, Any], upstream: list[str]) -> None:
    text = lines(with_)
    block = text[text.index("upstream loadlab_backends {") : text.index("server {")]
    assert [each for each in block if each in upstream] == upstream


def test_it_listens_on_loopback_only() -> None:
    listens = [each for each in lines({}) if each.startswith("listen")]
    assert listens == ["listen 127.0.0.1:7003;", "listen 127.0.0.1:7004;"]


def test_keepalive_needs_http_1_1_and_an_empty_connection_header() -> None:
    assert {"proxy_http_version 1.1;", 'proxy_set_header Connection "";'} <= set(lines({}))
    without = lines({"keepalive": 0})
    assert "proxy_set_header Connection close;" in without
    assert not [each for each in without if each.startswith("keepalive ")]


def test_connections_are_upgraded_where_that_is_asked_for() -> None:
    text = lines({"websocket": True})
    wanted = {"proxy_set_header Upgrade $http_upgrade;", "proxy_set_header Connection $loadlab_connection;"}
    assert wanted <= set(text) and "map $http_upgrade $loadlab_connection {" in text
    assert not any("Upgrade" in each for each in lines({}))


def test_settings_go_where_nginx_wants_them_and_win_over_ours() -> None:
    settings = {
        "worker_processes": 2,
        "worker_connections": 99,
        "client_max_body_size": "10m",
        "gzip": True,
        "proxy_set_header": ["Upgrade $http_upgrade", 'Connection "upgrade"'],
    }
    text = lines({"settings": settings})
    events, http = text.index("events {"), text.index("http {")
    assert text.index("worker_processes 2;") < events < text.index("worker_connections 99;") < http
    assert http < text.index("client_max_body_size 10m;") and "gzip on;" in text
    assert [each for each in text if each.startswith("proxy_set_header")] == [
        "proxy_set_header Upgrade $http_upgrade;",
        'proxy_set_header Connection "upgrade";',
    ]


def test_only_root_names_a_user() -> None:
    assert "user root;" in lines({}, uid=0)
    assert not [each for each in lines({}, uid=1000) if each.startswith("user ")]


def test_its_counters_are_shown_where_it_was_built_to() -> None:
    with_status = process({})
    assert with_status.spare_ports == (7004,)
    assert with_status.status == {
        "access_log": "/recording/services/lb-0/access.log",
        "status_url": "http://127.0.0.1:7004/",
    }
    without = process({}, resolve=lambda name, explicit: Server(Path("/nginx"), "1.31.3"))
    assert without.spare_ports == () and "status_url" not in without.status
    assert "stub_status" not in without.files["nginx.conf"]


def test_a_log_of_the_users_own_is_not_taken_for_ours() -> None:
    assert "access_log" not in process({"settings": {"access_log": "off"}}).status


def test_the_log_of_requests_and_the_buffers_go_at_the_end() -> None:
    assert {"access.log", "proxy_temp", "nginx.pid"} <= set(process({}).scratch)


def test_an_old_nginx_is_not_told_where_its_first_errors_go() -> None:
    old = process({}, resolve=lambda name, explicit: Server(Path("/nginx"), "1.18.0"))
    assert "-e" not in old.argv and "-e" in process({}).argv


def test_a_template_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "my.j2").write_text(
        "{{ log_format }} access_log {{ access_log }} loadlab; listen {{ host }}:{{ port }};\n"
        "{% for each in app.ports %}server {{ app.host }}:{{ each }};{% endfor %} {{ app.url }}\n"
        "location = /counters { stub_status; }"
    )
    made = process({"config": "my.j2"}, folder=tmp_path)
    text = made.files["nginx.conf"]
    assert "server 127.0.0.1:7001;server 127.0.0.1:7002; http://127.0.0.1:7001" in text
    assert "listen 127.0.0.1:7003;" in text
    assert made.status["status_url"] == "http://127.0.0.1:7003/counters" and "access_log" in made.status
    assert made.argv[-2] == "-g" and made.argv[-1].startswith("daemon off; pid ")


def test_a_template_that_says_it_all_gets_no_more(tmp_path: Path) -> None:
    (tmp_path / "my.conf").write_text("daemon off;\npid x;\n{{ not a template }}")
    made = process({"config": "my.conf"}, folder=tmp_path)
    assert "-g" not in made.argv and made.status == {} and "{{ not a template }}" in made.files["nginx.conf"]


def test_a_template_gets_values_and_knows_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "my.j2").write_text("{% if values.gzip %}gzip on;{% endif %} root {{ here }}/{{ values.files }};")
    made = process({"config": "my.j2", "values": {"gzip": True, "files": "static"}}, folder=tmp_path)
    assert made.files["nginx.conf"] == f"gzip on; root {tmp_path}/static;"


def test_a_template_with_an_unknown_name_says_which_are_known(tmp_path: Path) -> None:
    (tmp_path / "my.j2").write_text("{{ application.port }}")
    with pytest.raises(SpecError, match=r"'application' is undefined \(known here: host, port, dir, .*, values\)"):
        process({"config": "my.j2"}, folder=tmp_path)


@pytest.mark.parametrize(
    ("with_", "says"),
    [
        ({"strategy": "best"}, "strategy = 'best' is none of round_robin, least_conn, ip_hash, random"),
        ({"upstream": "ap"}, 'upstream = "ap" is no other service of this system (known: app)'),
        ({"upstream": "lb"}, 'upstream = "lb" is no other service'),
        ({"upstream": []}, "upstream is missing"),
        ({"weights": [1]}, "weights has 1 numbers for 2 servers"),
        ({"weights": ["1", "2"]}, "weights is a list of whole numbers"),
        ({"weights": [0, 1]}, "weights is a list of whole numbers"),
        ({"keepalive": True}, "keepalive is a whole number"),
        ({"keepalive": -1}, "keepalive is a whole number"),
        ({"listen": 80}, "listen is text"),
        ({"settings": "gzip on"}, "settings is a table"),
        ({"websocket": "on"}, "websocket is true or false"),
        ({"values": 1}, "values is a table"),
        ({"hash": 1}, "hash is text"),
        ({"upsteam": "app"}, "upsteam means nothing to nginx here"),
    ],
)
def test_wrong_settings_are_named(with_: dict[str, Any], says: str) -> None:
    spec = spec_of(APP, balancer(**with_))
    found = nginx.check(spec.service[1], spec)
    assert len(found) == 1 and says in found[0]


def test_several_mistakes_are_all_named() -> None:
    spec = spec_of(APP, balancer(upstream="x", strategy="y", keepalive="z"))
    assert len(nginx.check(spec.service[1], spec)) == 3


def test_good_settings_have_no_problems() -> None:
    spec = spec_of(APP, balancer(strategy="random", weights=[1, 2], settings={"gzip": "on"}, listen="backlog=99"))
    assert nginx.check(spec.service[1], spec) == []


@pytest.mark.real
@pytest.mark.parametrize("strategy", ["round_robin", "least_conn", "ip_hash", "random"])
def test_nginx_itself_accepts_the_configuration(strategy: str, tmp_path: Path) -> None:
    spec = spec_of(
        APP, balancer(strategy=strategy, weights=[2, 1], listen="backlog=99", settings={"worker_processes": 2})
    )
    names = names_of(spec, resolve=_resolver.find, uid=0)
    names.root = tmp_path / "a folder"
    made = next(each for each in plan_all(spec, tmp_path, names) if each.service == "lb").processes[0]
    made.folder.mkdir(parents=True)
    (made.folder / "nginx.conf").write_text(made.files["nginx.conf"])
    done = subprocess.run(made.test, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.real
def test_nginx_balances_and_writes_its_log_and_its_counters(launching: Launcher) -> None:
    with launching(web(instances=2), balancer(settings={"worker_processes": 2})) as run:
        pids = {get(run.running.url("lb"))["pid"] for _ in range(8)}
        assert pids == {each.pid for each in run.running.now() if each.service == "app"}
        (target,) = [each for each in run.running.now() if each.service == "lb"]
        assert run.plans[-1].version and target.role == "balancer" and target.unit == "nginx"
        log = Path(target.status["access_log"])
        assert until(lambda: log.read_text().count("\n") == 8)
        fields = log.read_text().splitlines()[0].split("\t")
        assert len(fields) == 7 and fields[1] == "200" and fields[3].startswith("127.0.0.1:")
        assert all(float(fields[each]) >= 0 for each in (0, 2, 4, 5, 6))
        if "status_url" in target.status:
            counters = subprocess.run(["curl", "-s", target.status["status_url"]], capture_output=True, check=True)
            assert b"Active connections" in counters.stdout
        assert get(run.running.url("lb"))["headers"].get("Connection") != "close"
        folder = target.folder
    assert sorted(each.name for each in folder.iterdir()) == ["nginx.conf"]


@pytest.mark.real
def test_a_configuration_that_nginx_refuses_is_shown_in_its_own_words(launching: Launcher) -> None:
    with (
        pytest.raises(ServiceError, match=r'(?s)lb: .*nginx refuses .*unknown directive "gzipp"'),
        launching(web(), balancer(settings={"gzipp": "on"})),
    ):
        pass
