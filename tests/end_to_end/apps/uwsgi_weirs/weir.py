"""How high the water stands at a weir: asked of its gauge, which is far away (uWSGI, two processes of two threads)."""

import os
import urllib.request

GAUGE = f"http://127.0.0.1:{os.environ['GAUGE_PORT']}/level"


def level():
    with urllib.request.urlopen(GAUGE) as answer:
        return answer.read()


def application(_environ, start_response):
    body = level()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
