"""The menu of the day: each dish's price comes from the kitchen."""

import json
import os
import sys

from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

KITCHEN = f"http://127.0.0.1:{os.environ['KITCHEN_PORT']}"
DISHES = 12 + int(os.environ.get("LOADLAB_SEED", "1")) * 5 % 8
WHOLE = os.environ.get("WHOLE", "no") == "yes"


class Menu(RequestHandler):
    async def get(self):
        client = AsyncHTTPClient()
        if WHOLE:
            answer = await client.fetch(f"{KITCHEN}/prices?dishes={','.join(map(str, range(DISHES)))}")
            prices = json.loads(answer.body)
        else:
            prices = []
            for dish in range(DISHES):
                answer = await client.fetch(f"{KITCHEN}/prices?dishes={dish}")
                prices += json.loads(answer.body)
        self.write({"prices": prices})


class Up(RequestHandler):
    def get(self):
        self.write("ok")


if __name__ == "__main__":
    AsyncHTTPClient.configure(None, max_clients=400)
    server = HTTPServer(Application([("/menu", Menu), ("/up", Up)]))
    server.listen(int(sys.argv[1]), "127.0.0.1")
    IOLoop.current().start()
