"""Stamps with running numbers: gevent's own server, a greenlet for each request (run by gevent.monkey)."""

import json
import os
import sys
import threading
import urllib.request

from gevent.pywsgi import WSGIServer

PRESS = f"http://127.0.0.1:{os.environ['PRESS_PORT']}/seal"
EARLY = os.environ.get("EARLY", "no") == "yes"
turn = threading.Lock()
drawn = 0


def seal():
    with urllib.request.urlopen(PRESS) as answer:
        return json.load(answer)["seal"]


def stamp():
    global drawn
    with turn:
        drawn += 1
        number = drawn
        if not EARLY:
            return f"{number} {seal()}"
    return f"{number} {seal()}"


def app(environ, start):
    body = (stamp() if environ["PATH_INFO"] == "/stamp" else "ok").encode()
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None).serve_forever()
