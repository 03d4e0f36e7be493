"""The opening hours of a few offices, over HTTPS. Its key is drawn anew at each start, and kept nowhere."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import tempfile
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
KEY = draw.choice(("rsa:2048", "rsa:3072"))
HOURS = [{"office": each, "opens": draw.randrange(7, 10), "closes": draw.randrange(15, 20)} for each in range(20)]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def hours(_: Request) -> Response:
    """All offices."""
    return JSONResponse({"offices": HOURS})


app = Starlette(routes=[Route("/health", health), Route("/hours", hours)])


def main() -> None:
    """--port"""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                KEY,
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-keyout",
                str(key),
                "-out",
                str(certificate),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        uvicorn.run(app, port=port, access_log=False, ssl_keyfile=str(key), ssl_certfile=str(certificate))


if __name__ == "__main__":
    main()
