"""The endpoint, scraped and parsed by Prometheus' own client."""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families

from loadlab.clock import SYSTEM
from loadlab.errors import UsageError
from loadlab.export import About, Export, openmetrics
from tests.export.intervals import interval

pytestmark = pytest.mark.real

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def endpoint() -> Iterator[tuple[Export, str]]:
    """An endpoint on a free port, and its address."""
    notes: list[str] = []
    made = openmetrics.start("0", About("shop", SYSTEM, SYSTEM.monotonic(), notes.append))
    yield made, notes[0].removeprefix("metrics: ")
    made.close()


def scrape(url: str, accept: str) -> tuple[str, str]:
    """Content type and text."""
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=5) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = parser.text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for one in families for each in one.samples}


def test_what_is_served_is_openmetrics_and_adds_up(endpoint: tuple[Export, str]) -> None:
    export, url = endpoint
    export.phase("steady")
    export.interval(interval(0, latency_us=(100, 101, 2_000_000, 200_000_000)))
    export.interval(interval(1, latency_us=(100,), in_flight=7))
    kind, text = scrape(url, OPENMETRICS)
    assert kind.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert text.endswith("# EOF\n")
    found = samples(text)
    get = {("endpoint", "GET /"), ("result", "ok")}
    assert found["loadlab_requests_total", frozenset(get)] == 5
    assert found["loadlab_request_errors_total", frozenset({("endpoint", "POST /orders"), ("error", "HTTP 500")})] == 2
    assert found["loadlab_users", frozenset()] == 8 and found["loadlab_requests_in_flight", frozenset()] == 7
    assert found["loadlab_phase", frozenset({("phase", "steady")})] == 1
    buckets = {dict(labels)["le"]: value for (name, labels), value in found.items()
               if name == "loadlab_request_duration_seconds_bucket" and get <= labels}  # fmt: skip
    assert (buckets["0.0001"], buckets["0.0002"], buckets["2.0"], buckets["100.0"], buckets["+Inf"]) == (2, 3, 4, 4, 5)
    assert found["loadlab_request_duration_seconds_sum", frozenset(get)] == pytest.approx(202.000301)
    assert found["loadlab_generator_lag_seconds_count", frozenset({("lag", "reader")})] == 7


def test_an_older_prometheus_gets_its_own_format(endpoint: tuple[Export, str]) -> None:
    export, url = endpoint
    export.interval(interval(0))
    kind, text = scrape(url, "text/plain")
    assert kind.startswith("text/plain; version=0.0.4")
    assert "loadlab_requests" in {each.name for each in text_string_to_metric_families(text)}


def test_labels_with_anything_in_them_come_back(endpoint: tuple[Export, str]) -> None:
    export, url = endpoint
    odd = interval(0)
    name = 'GET /a"b\\c\nd{e}'
    one = odd.endpoints[0]
    export.interval(type(odd)(**{**vars(odd), "endpoints": (type(one)(name, "ok", one.latency_us, one.service_us),)}))
    labels = frozenset({("endpoint", name), ("result", "ok")})
    assert samples(scrape(url, OPENMETRICS)[1])["loadlab_requests_total", labels] == 3


def test_it_listens_on_loopback_only_and_no_longer_than_the_run(endpoint: tuple[Export, str]) -> None:
    export, url = endpoint
    port = int(url.rpartition(":")[2].partition("/")[0])
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    listening = [each[1] for each in sockets if each[3] == "0A"]
    assert [each.partition(":")[0] for each in listening if each.endswith(f":{port:04X}")] == ["0100007F"]
    export.close()
    with pytest.raises(urllib.error.URLError):
        scrape(url, OPENMETRICS)


def test_someone_who_connects_and_says_nothing_does_not_keep_others_or_the_end(endpoint: tuple[Export, str]) -> None:
    export, url = endpoint
    port = int(url.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port)):
        export.interval(interval(0))
        assert "loadlab_users 8.0" in scrape(url, OPENMETRICS)[1]
        export.close()


def test_a_port_that_is_taken_is_said(endpoint: tuple[Export, str]) -> None:
    port = endpoint[1].rpartition(":")[2].partition("/")[0]
    with pytest.raises(UsageError, match=rf"--metrics {port}: Address already in use; .*give another"):
        openmetrics.start(port, About("shop", SYSTEM, 0.0, print))


def test_without_the_client_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError, match=r"pip install 'loadlab\[export\]'"):
        openmetrics.start("0", About("shop", SYSTEM, 0.0, print))
