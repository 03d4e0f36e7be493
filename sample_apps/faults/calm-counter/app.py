"""The counter of a bank: each visitor's balance, as the ledger has it."""

from __future__ import annotations

import os
import socket
import threading

from flask import Flask, Response, jsonify

app = Flask(__name__)
PORT = int(os.environ["LEDGER_PORT"])
mine = threading.local()


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/balance/<int:account>")
def balance(account: int) -> Response:
    """In cents."""
    return jsonify({"account": account, "cents": int(ask(str(account)))})


def ask(question: str) -> str:
    """The ledger's answer, over the thread's own line."""
    if not hasattr(mine, "line"):
        mine.line = socket.create_connection(("127.0.0.1", PORT))
        mine.answers = mine.line.makefile()
    mine.line.sendall(f"{question}\n".encode())
    return str(mine.answers.readline())
