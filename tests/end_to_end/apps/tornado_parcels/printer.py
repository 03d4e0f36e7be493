"""A label printer with a ribbon that ends."""

import asyncio
import os
import sys

from tornado.web import Application, RequestHandler

seed = int(os.environ.get("LOADLAB_SEED", "1"))
SLOW_S = 0.004 + seed * 7 % 5 * 0.001
RIBBON = 2000 + seed * 7919 % 600
printed = 0


class Label(RequestHandler):
    async def get(self, number):
        global printed
        printed += 1
        if printed > RIBBON:
            sys.exit("the ribbon is at its end")
        await asyncio.sleep(SLOW_S)
        self.write({"label": number})


class Up(RequestHandler):
    def get(self):
        self.write("ok")


async def main():
    Application([(r"/label/(\d+)", Label), ("/up", Up)]).listen(int(os.environ["PORT"]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
