"""Answers that are kept, the oldest of them dropped: grows by a hundred megabytes, and no further."""

import itertools
import os
import sys
from collections import OrderedDict

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

KEPT = 2000 + 250 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)
turn = itertools.count()
clods = OrderedDict()


class Clod(RequestHandler):
    def get(self):
        number = next(turn) * 7919 % 20011
        if number not in clods:
            clods[number] = bytes(40_000) + str(number).encode()
            if len(clods) > KEPT:
                clods.popitem(last=False)
        self.write(clods[number][-5:])


if __name__ == "__main__":
    HTTPServer(Application([("/clod", Clod)])).listen(int(sys.argv[1]), "127.0.0.1")
    IOLoop.current().start()
