"""The same printer. Its ribbon is changed before it ends."""

import asyncio
import os

from tornado.web import Application, RequestHandler

seed = int(os.environ.get("LOADLAB_SEED", "1"))
SLOW_S = 0.004 + seed * 7 % 5 * 0.001


class Label(RequestHandler):
    async def get(self, number):
        await asyncio.sleep(SLOW_S)
        self.write({"label": number})


class Up(RequestHandler):
    def get(self):
        self.write("ok")


async def main():
    Application([(r"/label/(\d+)", Label), ("/up", Up)]).listen(int(os.environ["PORT"]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
