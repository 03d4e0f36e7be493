"""redis, memcached, rabbitmq, haproxy, queue: what they refuse and write; and that the real ones start and end."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loadlab.errors import ServerMissing, ServiceError
from loadlab.probes import _talk, queues, redis_commands
from loadlab.probes import haproxy as haproxy_probe
from loadlab.probes import memcached as memcached_probe
from loadlab.probes import redis as redis_probe
from loadlab.services import ProcessPlan, Server, _resolver, haproxy, memcached, queue, rabbitmq, redis
from loadlab.services._plans import plan_all
from tests.services.conftest import Launched, Launcher, get, names_of, spec_of, until, web

APP = {"name": "app", "command": ["run", "{port}"], "instances": 2}
VALKEY = Server(Path("/usr/bin/valkey-server"), "9.1.2")


def planned(uses: str, with_: dict[str, Any], **more: Any) -> Any:
    spec = spec_of(APP, {"name": "it", "uses": uses, "with": with_})
    names = names_of(spec, **({"resolve": lambda name, explicit: VALKEY} | more))
    return next(each for each in plan_all(spec, Path("/recording"), names) if each.service == "it")


def process(uses: str, with_: dict[str, Any], **more: Any) -> ProcessPlan:
    made: ProcessPlan = planned(uses, with_, **more).processes[0]
    return made


REFUSED: list[tuple[ModuleType, dict[str, Any], str]] = [
    (redis, {"maxmemory": "64"}, "maxmemory = '64' is no size"),
    (redis, {"maxmemory": 64}, "maxmemory = 64 is no size"),
    (redis, {"policy": "lru"}, "policy = 'lru' is none of noeviction"),
    (redis, {"maxmem": "1MB"}, "maxmem means nothing to redis here"),
    (redis, {"settings": {"save": ["1 1"]}}, "settings is a table of redis's own directives"),
    (memcached, {"threads": 0}, "threads is a whole number"),
    (memcached, {"maxmemory": "1KB"}, "counts in whole MiB"),
    (memcached, {"settings": "x"}, "settings is a table"),
    (rabbitmq, {"schedulers": True}, "schedulers is a whole number"),
    (queue, {"broker": "kafka"}, "broker = 'kafka' is none of rabbitmq, redis"),
    (queue, {"settings": {"x": 1}}, "settings are those of one server"),
    (haproxy, {"upstream": "ap"}, 'upstream = "ap" is no other service'),
    (haproxy, {"upstream": "app", "strategy": "best"}, "strategy = 'best' is none of round_robin"),
    (haproxy, {"upstream": "app", "weights": [1]}, "weights has 1 numbers for 2 servers"),
    (haproxy, {"upstream": "app", "server_maxconn": 0}, "server_maxconn is a whole number"),
    (haproxy, {"upstream": "app", "cookie": 1}, "cookie is text"),
    (haproxy, {"upstream": "app", "settings": {"option": "x"}}, "settings is a table for each section"),
    (haproxy, {"upstream": "app", "settings": {"peers": {}}}, "settings.peers is no section"),
]


@pytest.mark.parametrize(("unit", "with_", "says"), REFUSED)
def test_wrong_settings_are_named(unit: ModuleType, with_: dict[str, Any], says: str) -> None:
    spec = spec_of(APP, {"name": "it", "uses": "redis", "with": with_})
    found = unit.check(spec.service[1], spec)
    assert len(found) == 1 and says in found[0]


ACCEPTED: list[tuple[ModuleType, dict[str, Any]]] = [
    (redis, {"maxmemory": "64MB", "policy": "allkeys-lfu", "settings": {"timeout": 5, "lazyfree-lazy-expire": True}}),
    (memcached, {"maxmemory": "64MB", "threads": 2, "connections": 99, "settings": {"max-item-size": "2m"}}),
    (rabbitmq, {"schedulers": 1, "settings": {"channel_max": 9}}),
    (queue, {}),
    (queue, {"broker": "redis", "settings": {"timeout": 5}}),
    (haproxy, {"upstream": "app", "strategy": "ip_hash", "weights": [2, 1], "settings": {"backend": {"option": "x"}}}),
]


@pytest.mark.parametrize(("unit", "with_"), ACCEPTED)
def test_good_settings_have_no_problems(unit: ModuleType, with_: dict[str, Any]) -> None:
    spec = spec_of(APP, {"name": "it", "uses": "redis", "with": with_})
    assert unit.check(spec.service[1], spec) == []


def test_redis_keeps_nothing_on_disk_and_evicts_only_where_it_has_a_limit() -> None:
    lines = process("redis", {}).files["redis.conf"].splitlines()
    assert {'save ""', "appendonly no", "bind 127.0.0.1", "maxmemory 0", "maxmemory-policy noeviction"} <= set(lines)
    limited = process("redis", {"maxmemory": "2MB", "settings": {"timeout": 9, "appendonly": True}}).files["redis.conf"]
    assert {"maxmemory 2000000", "maxmemory-policy allkeys-lru", "timeout 9", "appendonly yes"} <= set(
        limited.splitlines()
    )
    plan = planned("redis", {})
    assert plan.url == "redis://127.0.0.1:7003" and plan.version == "valkey-server 9.1.2" and plan.role == "cache"


def test_memcached_listens_on_loopback_only_and_as_root_says_so() -> None:
    argv = process("memcached", {"maxmemory": "8MiB", "threads": 2, "settings": {"max-item-size": "2m"}}).argv
    assert {"--listen=127.0.0.1", "--udp-port=0", "--memory-limit=8", "--threads=2", "--max-item-size=2m"} <= set(argv)
    little = {size: process("memcached", {"maxmemory": size}).argv for size in ("2MB", "1MiB")}
    assert "--memory-limit=2" in little["2MB"] and not any("item" in each for each in little["2MB"])
    # It starts only where two of the largest items have room.
    assert {"--memory-limit=1", "--max-item-size=512k"} <= set(little["1MiB"])
    assert "--user=root" not in argv and "--user=root" in process("memcached", {}, uid=0).argv


def test_rabbitmq_has_a_home_ports_and_a_name_of_its_own() -> None:
    made = process("rabbitmq", {"schedulers": 1, "settings": {"channel_max": 9}})
    assert made.env["HOME"] == str(made.folder) and made.env["ERL_EPMD_ADDRESS"] == "127.0.0.1"
    assert made.env["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"].startswith("+S 1:1 +sbwt none")
    assert len({*made.ports, *made.spare_ports}) == 4
    assert "listeners.tcp.1 = 127.0.0.1:7003\n" in made.files["rabbitmq.conf"]
    assert "channel_max = 9\n" in made.files["rabbitmq.conf"]


def test_a_queue_is_the_broker_that_is_found_and_says_which() -> None:
    def only_redis(name: str, _explicit: str | None) -> Server:
        if name == "rabbitmq":
            raise ServerMissing("not here")
        return VALKEY

    found = planned("queue", {})
    assert (found.unit, found.role, found.url) == ("rabbitmq", "queue", "amqp://guest:guest@127.0.0.1:7003/")
    instead = planned("queue", {}, resolve=only_redis)
    assert (instead.unit, instead.role, instead.version) == ("redis", "queue", "valkey-server 9.1.2")
    assert planned("queue", {"broker": "redis", "settings": {"timeout": 7}}).unit == "redis"


STRATEGIES = {"round_robin": "roundrobin", "least_conn": "leastconn", "ip_hash": "source", "random": "random"}


@pytest.mark.parametrize(("strategy", "balance"), STRATEGIES.items())
def test_the_strategies_of_haproxy(strategy: str, balance: str) -> None:
    text = process("haproxy", {"upstream": "app", "strategy": strategy, "weights": [3, 1]}).files["haproxy.cfg"]
    assert f"    balance {balance}\n" in text
    assert "    server 127.0.0.1:7001 127.0.0.1:7001 weight 3\n" in text and "127.0.0.1:7002 weight 1\n" in text
    assert "    bind 127.0.0.1:7003\n" in text and "stats socket ipv4@127.0.0.1:7004 level user" in text


def test_settings_of_haproxy_go_into_their_section_and_win() -> None:
    more = {"defaults": {"timeout server": "5s"}, "backend": {"option": ["httpchk GET /health", "redispatch"]}}
    given = {"upstream": "app", "threads": 2, "server_maxconn": 7, "cookie": "SRV", "settings": more}
    text = process("haproxy", given).files["haproxy.cfg"]
    for line in (
        "nbthread 2", "timeout server 5s", "option httpchk GET /health", "option redispatch",
        "cookie SRV insert indirect nocache", "weight 1 maxconn 7 cookie 7001",
    ):  # fmt: skip
        assert f"{line}\n" in text
    assert "timeout server 60s" not in text


def watched(unit: ModuleType, run: Launched) -> Any:
    """An open probe of a launch."""
    return closing(unit.open(run.running))


@pytest.mark.real
def test_the_real_ones_start_answer_their_probes_and_leave_nothing(launching: Launcher) -> None:
    balancer = {"name": "lb", "uses": "haproxy", "with": {"upstream": "app"}}
    stores = [{"name": "r", "uses": "redis", "role": "queue"}, {"name": "m", "uses": "memcached"}]
    with launching(web(instances=2), balancer, *stores, {"name": "q", "uses": "queue"}) as run:
        assert len({get(run.running.url("lb"))["pid"] for _ in range(6)}) == 2
        assert all(each.version for each in run.plans if each.unit != "command")
        with watched(haproxy_probe, run) as probe:
            assert until(lambda: sum(row[1][0] for row in probe.read(0.0) if row[0].name.startswith("127.")) == 6)
        port = next(each.ports[0] for each in run.running.now() if each.service == "r")
        words = [("SET", "k", "v"), ("GET", "k"), ("GET", "x"), ("XADD", "orders", "*", "a", "1"),
                 ("XGROUP", "CREATE", "orders", "g", "0")]  # fmt: skip
        with closing(_talk.Line(port, _talk.replies(len(words)))) as line:
            assert line.ask(b"".join(_talk.command(*each) for each in words)) is not None
        with watched(redis_probe, run) as redis_, watched(memcached_probe, run) as memcached_:
            (row,), (other,) = redis_.read(0.0), memcached_.read(0.0)
        assert row[1][:2] == (1.0, 1.0) and other[1][5] == 64 * 2**20
        with watched(redis_commands, run) as commands, watched(queues, run) as depth:
            assert {"get", "xadd"} <= {each[0].name for each in commands.read(0.0)}
            assert until(lambda: [(row[0].name, row[1][0]) for row in depth.read(0.0)] == [("orders", 1.0)])
        folders = [each.folder for each in run.running.now() if each.service in "rmq"]
    kept = {each.name for folder in folders for each in folder.iterdir()}
    assert kept <= {"redis.conf", "rabbitmq.conf", "enabled_plugins"}  # no data, no logs, no cookie


@pytest.mark.real
def test_a_store_that_messages_are_taken_from_is_a_queue_whatever_its_role(launching: Launcher) -> None:
    with (
        launching(web(), {"name": "broker", "uses": "redis"}) as run,
        watched(redis_commands, run) as commands,
        watched(queues, run) as depth,
    ):
        port = next(each.ports[0] for each in run.running.now() if each.service == "broker")

        def send(*words: str) -> None:
            with closing(_talk.Line(port, _talk.replies(1))) as line:
                assert line.ask(_talk.command(*words)) is not None

        send("LPUSH", "celery", "a", "b")
        assert until(lambda: "lpush" in {row[0].name for row in commands.read(0.0)})
        assert not [*depth.read(0.0), *depth.read(0.0)], "a list that nobody takes from may be anything"
        send("BRPOP", "celery", "1")
        assert until(lambda: "brpop" in {row[0].name for row in commands.read(0.0)})
        assert until(lambda: [(row[0].name, row[1][0]) for row in depth.read(0.0)] == [("celery", 1.0)])


@pytest.mark.real
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_haproxy_itself_accepts_the_configuration(strategy: str, tmp_path: Path) -> None:
    given = {"upstream": "app", "strategy": strategy, "weights": [2, 1], "cookie": "S", "server_maxconn": 9}
    made = process("haproxy", given, resolve=_resolver.find)
    (tmp_path / "haproxy.cfg").write_text(made.files["haproxy.cfg"])
    argv = [made.argv[0], "-c", "-f", str(tmp_path / "haproxy.cfg")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


@pytest.mark.real
@pytest.mark.parametrize(
    ("service", "says"),
    [
        ({"uses": "redis", "with": {"settings": {"maxmemoryy": 1}}}, r"(?s)it ended with exit code 1.*maxmemoryy"),
        (
            {"uses": "haproxy", "with": {"upstream": "app", "settings": {"backend": {"optoin": "x"}}}},
            r"(?s)it: .*optoin",
        ),
        (
            {"uses": "memcached", "with": {"settings": {"max-itme-size": "2m"}}},
            r"(?s)it ended with exit code .*its last lines.*max-itme-size",
        ),
        (
            {"uses": "rabbitmq", "with": {"settings": {"channel_mxa": 9}}},
            r"(?s)it ended with exit code .*its last lines.*channel_mxa",
        ),
    ],
)
def test_a_configuration_that_is_refused_is_shown_in_the_servers_own_words(
    launching: Launcher, service: dict[str, Any], says: str
) -> None:
    with pytest.raises(ServiceError, match=says), launching(web(), {"name": "it"} | service):
        pass
