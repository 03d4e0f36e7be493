"""Parcels: the label is fetched from the printer, one call that does not return before it is there."""

import json
import os
import sys
from http.client import HTTPConnection, HTTPException

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler


def label(number):
    connection = HTTPConnection("127.0.0.1", int(os.environ["PRINTER_PORT"]), timeout=5)
    try:
        connection.request("GET", f"/label/{number}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


class Parcel(RequestHandler):
    def get(self):
        try:
            self.write(label(7))
        except (OSError, HTTPException, ValueError):
            self.set_status(503)


class Up(RequestHandler):
    def get(self):
        self.write("ok")


if __name__ == "__main__":
    HTTPServer(Application([("/parcel", Parcel), ("/up", Up)])).listen(int(sys.argv[1]), "127.0.0.1")
    IOLoop.current().start()
