"""The proxy before the shop: each part of it can be switched, and does what it says."""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.services.conftest import Launcher, launching

__all__ = ["launching"]

SAMPLE = Path(__file__).resolve().parents[2] / "sample_apps" / "proxied"
ALL = {"tls": False, "static": False, "gzip": False, "buffering": True, "requests_per_s": 0}
APP = {
    "name": "app",
    "cwd": "..",
    "command": [sys.executable, "-m", "uvicorn", "shop.app:app", "--port", "{port}", "--no-access-log"],
    "ready": {"http": "/health"},
    "env": {"SHOP_STATIC": "proxied/static"},
}
CONTEXT = ssl.create_default_context(cafile=str(SAMPLE / "tls" / "cert.pem"))


def proxy(scheme: str = "http", **values: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"config": "proxy.conf.j2", "values": ALL | values}
    return {"name": "proxy", "uses": "nginx", "scheme": scheme, "with": given} | (
        {"verify": False} if scheme == "https" else {}
    )


def ask(url: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=CONTEXT) as answer:
            return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {}, b""


@pytest.mark.real
def test_everything_off_and_everything_on(launching: Launcher) -> None:
    with launching(APP, proxy(), folder=SAMPLE) as run:
        url = run.running.url("proxy")
        status, headers, page = ask(url + "/catalog")
        assert (status, headers.get("content-encoding")) == (200, None)
        status, _, style = ask(url + "/static/shop.css")
        assert status == 200 and len(style) > 10_000  # from the shop itself
    on = proxy("https", tls=True, static=True, gzip=True, buffering=False, requests_per_s=1)
    with launching(APP, on, folder=SAMPLE) as run:
        url = run.running.url("proxy")
        assert url.startswith("https://")
        status, headers, small = ask(url + "/catalog")
        assert (status, headers["content-encoding"]) == (200, "gzip") and len(small) < len(page) / 2
        assert 429 in {ask(url + "/health")[0] for _ in range(40)}
        assert ask(url + "/static/shop.css")[1]["content-type"] == "text/css"  # from nginx, which limits no files
