"""Which change tries a remedy, or why none does: a table of systems and steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadlab.diagnosis.model import Finding, Remedy
from loadlab.diagnosis.outcome import predicted, what_was_tried
from loadlab.diagnosis.remedy import BALANCER, WAYS, Attempt, No, pick, with_file
from loadlab.remedy import deep_enough
from loadlab.signals.trial import Trial
from loadlab.spec.model import Spec

APP = {"name": "app", "command": ["serve", "--port", "{port}"]}
DB = {"name": "db", "uses": "postgres", "with": {"init": "schema.sql"}}
NGINX = {"name": "front", "uses": "nginx", "role": "balancer", "with": {"upstream": "app"}}


def spec(*services: dict[str, Any]) -> Spec:
    return Spec.model_validate({"name": "system", "service": services})


def finding(step: str, service: str = "app", gain: float | None = 1.9) -> Finding:
    return Finding("kind", "cpu", service, "supported", "", (), Remedy(step, "do it", gain))


def after(chosen: Attempt | No, name: str) -> Any:
    assert isinstance(chosen, Attempt), chosen
    return next(each for each in chosen.after.service if each.name == name)


def test_a_lone_service_gets_a_second_instance_and_a_balancer() -> None:
    chosen = pick(spec(APP), finding("cluster"))
    assert after(chosen, "app").instances == 2
    assert isinstance(chosen, Attempt) and chosen.after.target.name == BALANCER and chosen.times == 2.0
    assert chosen.says == "2 instances of app instead of 1, behind nginx"
    assert [each.name for each in chosen.before.service] == ["app"]


def test_behind_a_balancer_there_are_twice_as_many() -> None:
    chosen = pick(spec(APP | {"instances": 3}, NGINX), finding("processes"))
    assert after(chosen, "app").instances == 6
    assert isinstance(chosen, Attempt) and chosen.after.target.name == "front"


@pytest.mark.parametrize("step", ["cluster", "more_workers", "processes"])
def test_what_the_user_named_comes_first(step: str) -> None:
    app = APP | {"env": {"WORKERS": "2"}, "remedies": {"more_workers": {"env": "WORKERS", "times": 2.0}}}
    chosen = pick(spec(app), finding(step))
    assert after(chosen, "app").env == {"WORKERS": "4"}
    assert isinstance(chosen, Attempt) and (chosen.says, chosen.times) == ("app with WORKERS=4 instead of 2", 2.0)


def test_a_remedy_of_the_other_end_will_do() -> None:
    app = APP | {"remedies": {"bigger_pool": {"env": "POOL", "to": 20}}}
    chosen = pick(spec(app, DB), finding("bigger_pool", "db"))
    assert after(chosen, "app").env == {"POOL": "20"}


def test_an_index_runs_after_the_schema() -> None:
    db = DB | {"remedies": {"index": {"sql": "CREATE INDEX ON parcels (customer)"}}}
    chosen = pick(spec(APP, db), finding("index", "db"))
    assert isinstance(chosen, Attempt) and chosen.sql == ("db-remedy.sql", "CREATE INDEX ON parcels (customer)")
    assert after(with_file(chosen, "/tmp/x.sql"), "db").with_["init"] == ["schema.sql", "/tmp/x.sql"]
    assert next(each for each in chosen.before.service if each.name == "db").with_["init"] == "schema.sql"


HAPROXY = {"name": "front", "uses": "haproxy", "role": "balancer", "with": {"upstream": "app", "server_maxconn": 2}}
REPLICATED = {"name": "db", "uses": "postgres", "with": {"replicas": 1}}
READER = APP | {"env": {"READ": "{db.replica_urls}"}}


@pytest.mark.parametrize(
    ("system", "step", "service", "name", "path", "value"),
    [
        ([APP, NGINX], "least_connections", "app", "front", "with_.strategy", "least_conn"),
        ([APP | {"limits": {"cpu": 0.5}}], "raise_quota", "app", "app", "limits.cpu", 1.0),
        ([APP | {"limits": {"files": 64}}], "raise_limit", "app", "app", "limits.files", 256),
        ([APP, HAPROXY], "raise_limit", "front", "front", "with_.server_maxconn", 8),
        ([APP, HAPROXY], "more_balancer_threads", "front", "front", "with_.threads", 2),
        ([APP, NGINX], "more_balancer_threads", "front", "front", "with_.settings", {"worker_processes": 2}),
        ([READER, REPLICATED], "read_replicas", "db", "db", "with_.replicas", 2),
    ],
)
def test_built_in_ways(
    system: list[dict[str, Any]], step: str, service: str, name: str, path: str, value: object
) -> None:
    found = after(pick(spec(*system), finding(step, service)), name)
    for part in path.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("system", "step", "service", "why"),
    [
        ([APP], "horizontal", "app", "another machine"),
        ([APP], "shorter_transactions", "app", "name it: remedies = { shorter_transactions"),
        ([APP, APP | {"name": "other", "env": {"URL": "{app.url}"}}], "cluster", "app", "call app directly"),
        ([APP, DB], "more_workers", "db", "keeps state"),
        ([{"name": "app", "attach": {"port": 8000}}], "cluster", "app", "not started by loadlab"),
        ([{"name": "app", "command": ["serve"], "port": 8000}], "cluster", "app", "a port of its own"),
        ([APP | {"limits": {"files": 64}}], "raise_quota", "app", "no limits.cpu"),
        ([APP, REPLICATED], "read_replicas", "db", "nobody would read"),
        ([APP], "least_connections", "app", "no balancer"),
        ([APP, NGINX | {"with": {"upstream": "app", "strategy": "least_conn"}}], "least_connections", "app", "already"),
        ([APP, NGINX | {"with": {"upstream": "app", "config": "x.j2"}}], "cluster", "app", "just these instances"),
    ],
)
def test_why_nothing_can_be_tried(system: list[dict[str, Any]], step: str, service: str, why: str) -> None:
    chosen = pick(spec(*system), finding(step, service))
    assert isinstance(chosen, No) and why in chosen.why


def test_what_is_true_of_several_services_is_tried_on_all_of_them() -> None:
    both = [APP | {"limits": {"cpu": 0.5}}, APP | {"name": "back", "limits": {"cpu": 0.25}}]
    chosen = pick(spec(*both), replace(finding("raise_quota"), along=("back",)))
    assert (after(chosen, "app").limits.cpu, after(chosen, "back").limits.cpu) == (1.0, 0.5)
    assert isinstance(chosen, Attempt) and chosen.times == 2.0
    assert chosen.says == ("app with limits.cpu = 1 instead of 0.5 and back with limits.cpu = 0.5 instead of 0.25")


def test_nothing_is_tried_where_one_of_several_cannot_be_changed() -> None:
    chosen = pick(spec(APP | {"limits": {"cpu": 0.5}}, DB), replace(finding("raise_quota"), along=("db",)))
    assert isinstance(chosen, No) and chosen.why.startswith("db has no limits.cpu")


def test_an_open_profile_cannot_show_more_throughput() -> None:
    assert isinstance(pick(spec(APP), finding("cluster"), "open"), No)


def test_fixed_ports_are_freed_so_that_both_can_run() -> None:
    chosen = pick(spec(APP | {"port": 8000}), finding("cluster"))
    assert after(chosen, "app").port is None


def test_ways_are_steps_of_rules() -> None:
    from loadlab.catalogue import units

    assert set(WAYS) <= {each.STEP for each in units("rules").values()}


@pytest.mark.parametrize(
    ("expected", "times", "says"), [(None, 2.0, None), (1.9, 2.0, 1.9), (7.0, 2.0, 2.0), (1.9, None, 1.9)]
)
def test_what_is_predicted_of_this_very_change(expected: float | None, times: float | None, says: float | None) -> None:
    assert predicted(expected, times) == says


@pytest.mark.parametrize(("users", "gain", "deep"), [(1, None, 4), (8, 1.9, 31), (1000, 3.0, 1024), (1, 0.5, 2)])
def test_users_keep_the_wider_system_busy_too(users: int, gain: float | None, deep: int) -> None:
    assert deep_enough(users, gain) == deep


def test_a_trial_belongs_to_its_finding() -> None:
    trial = Trial("kind", "app", "twice", times=2.0, users=8, gain=1.7, low=1.6, high=1.8, rounds=8)
    tried = what_was_tried(finding("cluster"), trial)
    assert tried is not None and (tried.predicted, tried.measured, tried.rounds) == (1.9, 1.7, 8)
    assert what_was_tried(finding("cluster", "other"), trial) is None
    assert what_was_tried(finding("cluster"), None) is None
    refused = what_was_tried(finding("cluster"), Trial("kind", "app", "", why="no"))
    assert refused is not None and refused.not_tried == "no" and refused.measured is None
