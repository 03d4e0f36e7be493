"""A web server for tests: `web.py PORT`, told by its environment how to misbehave.

SLOW_S: answers 503 on /health for so long. DIE_AFTER_S, CODE: ends. STUBBORN: ignores SIGTERM. PRINT: says it at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BORN = time.monotonic()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        late = time.monotonic() - BORN < float(os.environ.get("SLOW_S", "0"))
        body = json.dumps({"pid": os.getpid(), "env": dict(os.environ), "headers": dict(self.headers)}).encode()
        self.send_response(503 if late and self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def die() -> None:
    print("dying on purpose", flush=True)
    os._exit(int(os.environ.get("CODE", "3")))


if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "PRINT" in os.environ:
    print(os.environ["PRINT"], flush=True)
if "DIE_AFTER_S" in os.environ:
    threading.Timer(float(os.environ["DIE_AFTER_S"]), die).start()
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
