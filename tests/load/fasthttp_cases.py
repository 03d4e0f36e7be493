"""What Locust's own tests of FastHttpUser check, for either class: `python -m tests.load.fasthttp_cases fast|wire`
prints a JSON object, case -> "" where it holds, else what happened instead.

The cases are those of locust/test/test_fasthttp.py that concern a client, told anew; names are theirs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import gevent
import gevent.pool
from gevent.pywsgi import WSGIServer
from locust import FastHttpUser
from locust.util.load_locustfile import is_user_class

from loadlab.load import WireHttpUser
from tests.load import fasthttp_judging
from tests.load.fasthttp_site import ALLOWED, FAST, UNSIZED, site
from tests.load.fasthttp_stage import CASES, Stage, case

__all__ = ["fasthttp_judging"]


@case
def test_get(on: Stage) -> None:
    assert on.client.get("/ultra_fast").status_code == 200


@case
def test_connection_error(on: Stage) -> None:
    answer = on.user(host="http://localhost:1").client.get("/", headers={"X-Test-Headers": "hello"})
    assert (answer.status_code, answer.content, len(on.environment.stats.errors)) == (0, None, 1)
    assert answer.url == answer.request.url == "http://localhost:1/"
    assert answer.request.headers["X-Test-Headers"] == "hello"


@case
def test_connection_error_is_a_ConnectionRefusedError(on: Stage) -> None:  # noqa: N802 - the exception's name
    answer = on.user(host="http://localhost:1").client.get("/")
    assert isinstance(answer.error, ConnectionRefusedError), repr(answer.error)


@case
def test_404(on: Stage) -> None:
    assert on.client.get("/does_not_exist").status_code == 404
    assert on.stats("/does_not_exist").num_failures == 1


@case
def test_204(on: Stage) -> None:
    answer = on.client.get("/status/204")
    assert (answer.status_code, answer.url, answer.request.url) == (204, *[on.url + "/status/204"] * 2)
    assert (on.stats("/status/204").num_requests, on.stats("/status/204").num_failures) == (1, 0)


@case
def test_streaming_response(on: Stage) -> None:
    on.client.get("/streaming/30")
    assert on.stats("/streaming/30").avg_response_time > 250


@case
def test_streaming_response_that_is_not_read(on: Stage) -> None:
    on.client.get("/streaming/30", stream=True)
    assert on.stats("/streaming/30").avg_response_time < 250


@case
def test_iter_lines(on: Stage) -> None:
    assert list(on.client.iter_lines("/streaming/30"))[:2] == ["line 0", "line 1"]


@case
def test_slow_redirect(on: Stage) -> None:
    url = "/redirect?url=/redirect&delay=0.2"
    on.client.get(url)
    assert on.stats(url).num_requests == 1 and on.stats(url).avg_response_time > 200


@case
def test_post_redirect(on: Stage) -> None:
    assert on.client.post("/redirect").status_code == 200
    assert (on.stats("/redirect", "POST").num_requests, on.stats("/redirect").num_requests) == (1, 0)


@case
def test_cookie(on: Stage) -> None:
    client = on.client
    assert client.post("/set_cookie?name=testcookie&value=1337").status_code == 200
    answer = client.get("/get_cookie?name=testcookie")
    assert (answer.content, answer.text) == (b"1337", "1337")


@case
def test_methods(on: Stage) -> None:
    """test_head, test_delete, test_patch, test_client_get, test_client_put, test_client_delete."""
    client = on.client
    assert client.head("/request_method").content == b""
    for method in ("get", "delete", "patch", "put", "post"):
        assert getattr(client, method)("/request_method").text == method.upper()


@case
def test_options(on: Stage) -> None:
    answer = on.client.options("/request_method")
    assert (answer.status_code, answer.content) == (200, b"")
    assert set(answer.headers["allow"].split(", ")) == set(ALLOWED.split(", "))


@case
def test_json_payload(on: Stage) -> None:
    answer = on.client.post("/request_method", json={"foo": "bar"})
    assert (answer.status_code, answer.request.body) == (200, '{"foo": "bar"}')
    assert answer.request.headers.get("Content-Type") == "application/json"
    assert answer.request.headers.get("Accept") == "application/json"


@case
def test_client_post_and_put_of_a_form(on: Stage) -> None:
    client = on.client
    assert client.post("/post", {"arg": "hello world"}).text == "hello world"
    assert client.put("/put", {"arg": "hello world"}).text == "hello world"


@case
def test_error_message_with_name_replacement(on: Stage) -> None:
    before = time.time()
    on.client.request("get", "/wrong_url/01", name="replaced_url_name", context={"foo": "bar"})
    told = on.fired[0]
    assert told["exception"] is not None and told["name"] == "replaced_url_name"
    assert abs(told["start_time"] - before) < 0.05
    assert abs(told["start_time"] + told["response_time"] / 1000 - time.time()) < 0.05
    assert (told["url"], told["context"]) == (on.url + "/wrong_url/01", {"foo": "bar"})


@case
def test_request_stats_content_length(on: Stage) -> None:
    client = on.client
    client.get("/ultra_fast")
    client.get("/ultra_fast")
    client.get("/no_content_length")
    assert on.stats("/ultra_fast").avg_content_length == len(FAST)
    assert on.stats("/no_content_length").avg_content_length == len(UNSIZED)


@case
def test_request_stats_no_content_length_streaming(on: Stage) -> None:
    on.client.get("/no_content_length", stream=True)
    assert on.stats("/no_content_length").avg_content_length == 0


@case
def test_names(on: Stage) -> None:
    """test_request_stats_named_endpoint, test_request_stats_query_variables, test_log_request_name_argument,
    test_redirect_url_original_path_as_name."""
    client = on.client
    client.get("/ultra_fast", name="new name!")
    client.get("/ultra_fast?query=1")
    client.put("/put")
    client.get("/redirect")
    found = {(name, method) for name, method in on.environment.stats.entries}
    assert found == {("new name!", "GET"), ("/ultra_fast?query=1", "GET"), ("/put", "PUT"), ("/redirect", "GET")}


@case
def test_is_abstract(on: Stage) -> None:
    assert on.kind.abstract and not is_user_class(on.kind)


@case
def test_class_context(on: Stage) -> None:
    user = on.user(context=lambda self: {"user": self.username})
    user.username = "foo"
    user.client.request("get", "/request_method")
    assert on.fired[-1]["context"] == {"user": "foo"} and on.fired[-1]["response"].text == "GET"
    user.client.request("get", "/request_method", context={"user": "bar"})
    assert on.fired[-1]["context"] == {"user": "bar"}


@case
def test_client_request_headers(on: Stage) -> None:
    answer = on.client.get("/request_header_test", headers={"X-Header-Test": "hello"})
    assert answer.text == answer.headers.get("X-Header-Test") == answer.request.headers["X-Header-Test"] == "hello"


@case
def test_client_get_absolute_url(on: Stage) -> None:
    assert on.client.get(on.url + "/request_method").text == "GET"


@case
def test_network_timeout_setting(on: Stage) -> None:
    before = time.monotonic()
    answer = on.user(network_timeout=0.2).client.get("/redirect?url=/redirect&delay=2.0")
    assert answer.status_code == 0 and time.monotonic() - before < 1.0
    assert on.failures == 1


@case
def test_max_redirect_setting(on: Stage) -> None:
    client = on.user(max_redirects=1).client
    assert client.get("/redirect").text == FAST
    client.get("/redirect?url=/redirect", name="two")
    assert (on.stats("/redirect").num_failures, on.stats("two").num_failures) == (0, 1)


@case
def test_allow_redirects_override(on: Stage) -> None:
    client = on.client
    assert client.get("/redirect", allow_redirects=False).headers["location"].endswith("/ultra_fast")
    assert "location" not in client.get("/redirect").headers


@case
def test_client_basic_auth(on: Stage) -> None:
    def status(host: str) -> int:
        return int(on.user(host=on.url.replace("//", f"//{host}")).client.get("/basic_auth").status_code)

    assert (status("locust:menace@"), status("locust:wrong@"), status("")) == (200, 401, 401)
    assert on.client.get("/basic_auth", auth=("locust", "menace")).text == "Authorized"


@case
def test_client_pool_concurrency(on: Stage) -> None:
    """Several greenlets of one user: each gets its own answer. 20 at a time would need 2 s one after the other."""
    client = on.client
    pool = gevent.pool.Pool()
    before = time.monotonic()
    jobs = [pool.spawn(client.get, f"/rest?number={each}", name="rest", json=None) for each in range(5)]
    jobs += [pool.spawn(client.post, "/rest", json={"number": each}) for each in range(5)]
    jobs += [pool.spawn(client.get, "/slow?delay=0.1", name="slow") for _ in range(20)]
    pool.join()
    assert [each.value.json()["number"] for each in jobs[5:10]] == list(range(5))
    assert {each.value.status_code for each in jobs} == {200}
    assert time.monotonic() - before < 1.0 and on.successes == 30


@case
def test_client_pool_concurrency_is_ten(on: Stage) -> None:
    client = on.client
    pool = gevent.pool.Pool()
    before = time.monotonic()
    for _ in range(20):
        pool.spawn(client.get, "/slow?delay=0.1")
    pool.join()
    assert time.monotonic() - before > 0.19


@case
def test_ssl_request_insecure(on: Stage) -> None:
    """With `insecure` said: by default FastHttpUser checks no certificate, WireHttpUser does."""
    from tests.load.scripted import CERTIFICATE, KEY

    server = WSGIServer(("127.0.0.1", 0), site, log=None, error_log=None, certfile=str(CERTIFICATE), keyfile=str(KEY))
    server.start()
    host = f"https://127.0.0.1:{server.server_port}"
    assert on.user(host=host, insecure=True).client.get("/ultra_fast").text == FAST
    server.stop()


@case
def test_ssl_is_not_checked_by_default(on: Stage) -> None:
    from tests.load.scripted import CERTIFICATE, KEY

    server = WSGIServer(("127.0.0.1", 0), site, log=None, error_log=None, certfile=str(CERTIFICATE), keyfile=str(KEY))
    server.start()
    assert on.user(host=f"https://127.0.0.1:{server.server_port}").client.get("/ultra_fast").text == FAST
    server.stop()


def outcome(check: Callable[[Any], None], on: Stage) -> str:
    """Empty where it holds."""
    try:
        with gevent.Timeout(5):
            check(on)
    except (Exception, gevent.Timeout) as error:  # noqa: BLE001 - whatever happens is the answer
        return f"{type(error).__name__}: {error}"[:300]
    return ""


def main() -> None:
    kind = {"fast": FastHttpUser, "wire": WireHttpUser}[sys.argv[1]]
    server = WSGIServer(("127.0.0.1", 0), site, log=None, error_log=None)
    server.start()
    found = {name: outcome(check, Stage(kind, server.server_port)) for name, check in CASES.items()}
    server.stop(timeout=0)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
