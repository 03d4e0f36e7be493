"""What the generator promises as a child process: every request counted and stamped, a rate that is held, an end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import LoadError
from loadlab.load._config import LoadConfig
from loadlab.load._driver import ChildGenerator, start
from tests.load.scripted import CERTIFICATE, Scripted, Step, never, ok
from tests.load.test_driver_real import Heard

pytestmark = pytest.mark.real

Begin = Callable[..., tuple[ChildGenerator, Heard, Scripted]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """begin(step, tls=..., locustfile=text, ...) gives a generator without users yet, what is heard, and its server."""
    made: list[tuple[ChildGenerator, Heard, Scripted]] = []

    def begin(
        step: Step, *, tls: bool = False, locustfile: str | None = None, **options: object
    ) -> tuple[ChildGenerator, Heard, Scripted]:
        server, heard = Scripted((step,), tls), Heard()
        if locustfile is not None:
            (tmp_path / "users.py").write_text(locustfile)
            options["locustfile"] = str(tmp_path / "users.py")
        config = LoadConfig(server.url, log=tmp_path / "log", env=dict(os.environ), **options)  # type: ignore[arg-type]
        made.append((start(config, heard, SYSTEM, SYSTEM.monotonic()), heard, server))
        return made[-1]

    yield begin
    for generator, _, server in made:
        generator.stop()
        server.stop()


def test_each_answer_is_stamped_by_the_kernel_and_read_by_the_server_too(begin: Begin) -> None:
    generator, heard, server = begin(ok())
    generator.set_users(3)
    SYSTEM.sleep(1.0)
    generator.stop()
    assert heard.law
    succeeded = heard.total("succeeded")
    assert succeeded == len(server.requests) - heard.intervals[-1].in_flight > 100
    # The offset between the clocks is measured anew each second: one stamp in a hundred may be refused then.
    assert 0.99 * succeeded <= heard.total("kernel_stamped") <= succeeded
    assert heard.total("connects") == 3


@pytest.mark.parametrize("model", ["closed", "open"])
def test_it_ends_soon_even_when_nobody_answers(begin: Begin, model: str) -> None:
    generator, heard, _ = begin(never, model=model)
    generator.set_users(5) if model == "closed" else generator.set_rate(50)
    SYSTEM.sleep(0.5)
    began = SYSTEM.monotonic()
    generator.stop()
    assert SYSTEM.monotonic() - began < 3.5
    assert not generator.alive and heard.law
    assert heard.intervals[-1].in_flight == heard.total("sent") > 0


def test_an_open_rate_is_held(begin: Begin) -> None:
    generator, heard, server = begin(ok(), model="open", arrivals="even")
    generator.set_rate(200)
    SYSTEM.sleep(0.3)
    generator.cut()
    SYSTEM.sleep(0.1)
    before, since = heard.total("sent"), heard.intervals[-1].end
    SYSTEM.sleep(2.5)
    generator.cut()
    SYSTEM.sleep(0.1)
    rate = (heard.total("sent") - before) / (heard.intervals[-1].end - since)
    assert rate == pytest.approx(200, rel=0.05)
    generator.stop()
    assert heard.law
    assert heard.total("succeeded") == heard.total("sent") == len(server.requests)


REQUESTS = """
from locust import HttpUser, constant, task

class Old(HttpUser):
    wait_time = constant(0.02)
    @task
    def ask(self):
        self.client.get("/old")
"""


def test_users_of_requests_are_counted_without_stamps(begin: Begin) -> None:
    generator, heard, server = begin(ok(), locustfile=REQUESTS)
    generator.set_users(2)
    SYSTEM.sleep(1.0)
    generator.set_users(0)
    SYSTEM.sleep(0.5)
    generator.stop()
    assert heard.names() == {"GET /old"} and heard.law
    assert heard.total("succeeded") == len(server.requests) > 10
    assert heard.total("kernel_stamped") == 0


def test_a_default_user_with_an_address_that_is_none_does_not_hang(tmp_path: Path) -> None:
    heard = Heard()
    config = LoadConfig("http://127.0.0.1:99999", log=tmp_path / "log", env=dict(os.environ))
    with start(config, heard, SYSTEM, SYSTEM.monotonic()) as generator:
        generator.set_users(2)
        SYSTEM.sleep(1.2)
        generator.check()
    assert set(heard.errors()) == {"BadAddress"}
    assert 2 <= heard.total("failed") <= 20 and heard.law


@pytest.mark.parametrize(
    ("options", "error"),
    [({}, "CertificateInvalid"), ({"verify": False}, None), ({"ca": str(CERTIFICATE)}, None)],
)
def test_certificates_are_checked_unless_told_otherwise(
    begin: Begin, options: dict[str, object], error: str | None
) -> None:
    generator, heard, server = begin(ok(), tls=True, think_s=0.05, **options)
    generator.set_users(1)
    SYSTEM.sleep(0.7)
    generator.stop()
    assert heard.law
    assert set(heard.errors()) == ({error} if error else set())
    assert bool(server.requests) is (heard.total("succeeded") > 0) is (error is None)
    assert heard.total("kernel_stamped") == heard.total("succeeded")


def test_an_authority_that_is_no_file_is_said_at_once(begin: Begin) -> None:
    with pytest.raises(LoadError, match="No such file"):
        begin(ok(), tls=True, ca="/no/such/authority.pem")


KEEPS_ON_STOP = """
from locust import constant, task
from loadlab.load import WireHttpUser

class User(WireHttpUser):
    wait_time = constant(0.01)
    def on_stop(self):
        pass
    @task
    def ask(self):
        self.client.get("/")
"""


def test_users_that_stop_leave_no_connection(begin: Begin) -> None:
    """Whatever their own on_stop does."""
    generator, heard, _ = begin(ok(), locustfile=KEEPS_ON_STOP)
    generator.set_users(20)
    SYSTEM.sleep(0.7)
    assert sockets_of(generator.pids[0]) >= 20
    generator.set_users(0)
    SYSTEM.sleep(0.7)
    assert sockets_of(generator.pids[0]) == 0
    assert heard.law


def sockets_of(pid: int) -> int:
    """Established TCP connections of a process."""
    held = {os.readlink(each)[8:-1] for each in Path(f"/proc/{pid}/fd").iterdir() if "socket:" in os.readlink(each)}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return len([row for row in rows if row[9] in held])
