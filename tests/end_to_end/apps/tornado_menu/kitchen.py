"""What a dish costs today."""

import asyncio
import json
import sys

from tornado.web import Application, RequestHandler


class Prices(RequestHandler):
    def get(self):
        dishes = self.get_query_argument("dishes", "0").split(",")
        self.write(json.dumps([300 + 25 * (int(each) * 7919 % 40) for each in dishes]))


class Up(RequestHandler):
    def get(self):
        self.write("ok")


async def main():
    Application([("/prices", Prices), ("/up", Up)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
