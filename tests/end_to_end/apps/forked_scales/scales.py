"""Weighs parcels: eight processes, forked by hand, that accept on one socket."""

import contextlib
import multiprocessing
import os
import socket
import sys
import time

SETTLES_S = 0.008 + 0.002 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)
ALONE = os.environ.get("ALONE", "yes") == "yes"
PROCESSES = 8

scale = multiprocessing.Lock()
weighed = multiprocessing.Value("q", 0, lock=False)


def settle():
    time.sleep(SETTLES_S)


def weigh():
    if not ALONE:
        settle()
    with scale:
        if ALONE:
            settle()
        weighed.value += 1
        return weighed.value


def converse(link):
    asked = b""
    while got := link.recv(4096):
        asked += got
        while b"\r\n\r\n" in asked:
            head, _, asked = asked.partition(b"\r\n\r\n")
            body = b"ok" if head.startswith(b"GET /up") else str(weigh()).encode()
            link.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            return


def serve(listener):
    while True:
        link, _ = listener.accept()
        with link, contextlib.suppress(ConnectionError):
            converse(link)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
    for _ in range(PROCESSES - 1):
        if os.fork() == 0:
            break
    serve(listener)
