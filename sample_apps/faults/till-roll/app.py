"""Tills of a shop: what is sold leaves the stock, is paid by card, and is written down."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from terminal import Terminal

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ARTICLES = draw.randrange(200, 400)
PATH = Path(os.environ["BOOKS"]) / "books.db"
PAY = os.environ.get("PAY", "within")

app = FastAPI()
terminal = Terminal(int(os.environ["TERMINAL_PORT"]))


@contextmanager
def books() -> Iterator[sqlite3.Connection]:
    """The shop's books, which all tills share."""
    connection = sqlite3.connect(PATH, timeout=60, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def begin_the_books() -> None:
    """Tables and stock, whichever process comes first."""
    with books() as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE IF NOT EXISTS stock (article INTEGER PRIMARY KEY, pieces INTEGER)")
        db.execute("CREATE TABLE IF NOT EXISTS sales (article INTEGER, receipt TEXT)")
        db.executemany("INSERT OR IGNORE INTO stock VALUES (?, 1000000)", [(number,) for number in range(ARTICLES)])
        db.execute("COMMIT")


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/sale")
def sale() -> dict[str, str]:
    """One piece of some article."""
    article = random.randrange(ARTICLES)
    receipt = "" if PAY == "within" else terminal.pay(article)
    with books() as db:
        return {"receipt": sell(db, article, receipt)}


def sell(db: sqlite3.Connection, article: int, receipt: str) -> str:
    """Stock and sale in one transaction; paid within it, unless there is a receipt already."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE stock SET pieces = pieces - 1 WHERE article = ?", (article,))
    receipt = receipt or terminal.pay(article)
    db.execute("INSERT INTO sales VALUES (?, ?)", (article, receipt))
    db.execute("COMMIT")
    return receipt


begin_the_books()
