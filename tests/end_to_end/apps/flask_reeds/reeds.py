"""Reeds by their tag, from a file of SQLite: Flask under gunicorn, one process of eight threads."""

import os
import random
import sqlite3
import threading
from pathlib import Path

from flask import Flask

PLACE = Path(os.environ["DIR"]) / "reeds.db"
MANY = 40_000 + 10_000 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)
here = threading.local()
app = Flask(__name__)


def grow():
    with sqlite3.connect(PLACE) as line:
        line.execute("create table reed (id integer primary key, tag text, length real)")
        line.executemany("insert into reed (tag, length) values (?, ?)", ((f"tag{n}", n * 0.3) for n in range(MANY)))
        if os.environ.get("SORTED", "no") == "yes":
            line.execute("create index tags on reed (tag)")


def book():
    if not hasattr(here, "line"):
        here.line = sqlite3.connect(PLACE)
    return here.line


@app.get("/up")
def up():
    return "ok"


@app.get("/reed")
def reed():
    tag = f"tag{random.randrange(MANY)}"
    return {"found": book().execute("select id, length from reed where tag = ?", (tag,)).fetchall()}


grow()
