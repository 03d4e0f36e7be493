"""Serves routes: a thread for each connection. With PROCESSES above 1 as many processes share the port."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

from routes import City

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
CITY = City(draw.randrange(34, 44), draw)


class Handler(BaseHTTPRequestHandler):
    """GET /route -> the minutes between two corners; GET /health."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        """Answers, and keeps the connection."""
        if self.path.startswith("/route"):
            corner = CITY.side - 1
            self._answer({"minutes": CITY.fastest((0, 0), (corner, corner))})
        else:
            self._answer({"ok": True})

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


class Server(ThreadingHTTPServer):
    """With room in the accept queue for more than the standard library's five."""

    request_queue_size = 512
    daemon_threads = True


def main() -> None:
    """Serves until told to stop."""
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    children: list[int] = []
    for _ in range(int(os.environ.get("PROCESSES", "1")) - 1):
        pid = os.fork()
        if pid == 0:
            children.clear()
            break
        children.append(pid)

    def stop(number: int, _: FrameType | None) -> None:
        for child in children:
            os.kill(child, number)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever()


if __name__ == "__main__":
    main()
