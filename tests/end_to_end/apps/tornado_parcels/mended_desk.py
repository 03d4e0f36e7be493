"""The same desk: the label is awaited, and others are served meanwhile."""

import asyncio
import json
import os
import sys

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import Application, RequestHandler


async def label(number):
    answer = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{os.environ['PRINTER_PORT']}/label/{number}")
    return json.loads(answer.body)


class Parcel(RequestHandler):
    async def get(self):
        try:
            self.write(await label(7))
        except (OSError, HTTPClientError, ValueError):
            self.set_status(503)


class Up(RequestHandler):
    def get(self):
        self.write("ok")


async def main():
    AsyncHTTPClient.configure(None, max_clients=100)  # ten otherwise, and the others wait
    Application([("/parcel", Parcel), ("/up", Up)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
