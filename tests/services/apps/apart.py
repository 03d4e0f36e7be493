"""Talks and listens at 127.0.0.1, as programs do: `apart.py PORT [HOST:PORT,...]`.

Accepts every connection and reads none; has sent one byte to each of the others, and waits.
"""

from __future__ import annotations

import socket
import sys

kept = []
for each in sys.argv[2].split(",") if len(sys.argv) > 2 else ():
    host, _, port = each.rpartition(":")
    asking = socket.create_connection((host, int(port)), 5)
    asking.sendall(b"x")
    kept.append(asking)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        kept.append(server.accept()[0])
