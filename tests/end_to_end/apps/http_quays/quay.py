"""Crates are lifted by as many hooks as there are, with nothing but the standard library."""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore

SEED = int(os.environ.get("LOADLAB_SEED", "1"))
hooks = BoundedSemaphore(int(os.environ.get("HOOKS", "3")))


def lift():
    with hooks:
        time.sleep(0.02 + 0.006 * (SEED % 4))
    return "lifted"


class Quay(BaseHTTPRequestHandler):
    def do_GET(self):
        text = json.dumps("ok" if self.path == "/up" else lift()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Quay).serve_forever()
