"""The cases of Locust's own tests of FastHttpUser in which the user decides what counts."""

from __future__ import annotations

import locust.exception as raised
from locust import TaskSet, task

from tests.load.fasthttp_stage import Stage, case


@case
def test_catch_response(on: Stage) -> None:
    client = on.client
    assert client.get("/fail").status_code == 500
    assert (on.failures, on.successes) == (1, 0)
    with client.get("/ultra_fast", catch_response=True) as answer:
        pass
    assert (on.failures, on.successes) == (1, 1) and b"ultra fast" in answer.content
    with client.get("/ultra_fast", catch_response=True):
        raise raised.ResponseError("Not working")
    assert (on.failures, on.successes) == (2, 1)


@case
def test_catch_response_default(on: Stage) -> None:
    """..._default_success, ..._default_fail, ..._http_fail."""
    for path in ("/ultra_fast", "/fail"):
        with on.client.get(path, catch_response=True):
            pass
    assert (on.failures, on.successes) == (1, 1)


@case
def test_catch_response_http_manual_fail(on: Stage) -> None:
    with on.client.get("/ultra_fast", catch_response=True) as answer:
        answer.failure("Haha!")
    assert isinstance(on.fired[0]["exception"], raised.CatchResponseError)
    assert str(on.fired[0]["exception"]) == "Haha!"


@case
def test_catch_response_manual_fail_with_an_exception(on: Stage) -> None:
    own = ValueError("mine")
    with on.client.get("/ultra_fast", catch_response=True) as answer:
        answer.failure(own)
    assert on.fired[0]["exception"] is own


@case
def test_catch_response_multiple_failure_and_success(on: Stage) -> None:
    with on.client.get("/ultra_fast", catch_response=True) as answer:
        answer.failure("nope")
        answer.success()
        answer.failure("nooo")
        answer.success()
    assert (on.failures, on.successes) == (0, 1)


@case
def test_catch_response_pass_failed_request(on: Stage) -> None:
    """..._pass_failed_request, ..._http_manual_success, ..._allow_404."""
    for path in ("/fail", "/does/not/exist"):
        with on.client.get(path, catch_response=True) as answer:
            answer.success()
    assert (on.failures, on.successes) == (0, 2)


@case
def test_catch_response_pass_failed_request_with_other_exception_within_block(on: Stage) -> None:
    try:
        with on.client.get("/fail", catch_response=True) as answer:
            answer.success()
            raise LookupError("other")
    except LookupError:
        assert (on.failures, on.successes) == (0, 1)
    else:
        raise AssertionError("not raised")


@case
def test_interrupt_taskset_with_catch_response(on: Stage) -> None:
    class MyTaskSet(TaskSet):
        @task
        def interrupted_task(self) -> None:
            with self.client.get("/ultra_fast", catch_response=True):
                raise raised.InterruptTaskSet

    try:
        MyTaskSet(on.user(tasks=[MyTaskSet])).interrupted_task()
    except raised.InterruptTaskSet:
        pass
    else:
        raise AssertionError("not raised")
    assert len(on.fired) == 0, f"counted {len(on.fired)} times"


@case
def test_catch_response_connection_error(on: Stage) -> None:
    client = on.user(host="http://127.0.0.1:1").client
    with client.get("/", catch_response=True) as answer:
        assert (answer.status_code, answer.content) == (0, None)
        answer.success()
    assert (on.failures, on.successes) == (0, 1)
    with client.get("/", catch_response=True) as answer:
        answer.failure("Manual fail")
    assert (on.failures, str(on.fired[-1]["exception"])) == (1, "Manual fail")


@case
def test_catch_response_missing_with_block(on: Stage) -> None:
    answer = on.client.get("/fail", catch_response=True)
    try:
        answer.success()
    except raised.LocustError:
        return
    raise AssertionError("not raised")


@case
def test_missing_catch_response_true(on: Stage) -> None:
    answer = on.client.get("/fail")
    for judge in (answer.success, lambda: answer.failure("")):
        try:
            judge()
        except raised.LocustError:
            continue
        raise AssertionError("not raised")


@case
def test_rest_success(on: Stage) -> None:
    with on.user().rest("POST", "/rest", json={"foo": "bar"}) as answer:
        assert answer.js["foo"] == "bar"
    assert (on.failures, on.successes) == (0, 1)


@case
def test_rest_fail(on: Stage) -> None:
    with on.user().rest("POST", "/rest", json={"foo": "bar"}) as answer:
        assert answer.js["foo"] == "NOPE"
    with on.user().rest("GET", "/ultra_fast"):
        pass
    with on.user(host="http://127.0.0.1:1").rest("GET", "/"):
        pass
    assert isinstance(on.fired[0]["exception"], raised.CatchResponseError)
    assert (on.failures, on.successes) == (3, 0)
