"""A reading circle: who reads what."""

import os

from flask import Flask, jsonify
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

app = Flask(__name__)
pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=8, max_size=8, open=True)
AT_ONCE = os.environ.get("AT_ONCE", "no") == "yes"


@app.get("/up")
def up():
    return "ok"


def title_of(connection, book):
    return connection.execute("SELECT title FROM books WHERE id = %s", (book,)).fetchone()[0]


@app.get("/circle")
def circle():
    with pool.connection() as connection:
        if AT_ONCE:
            rows = connection.execute(
                "SELECT m.name, b.title FROM members m JOIN books b ON b.id = m.book ORDER BY m.id"
            ).fetchall()
            return jsonify([{"name": name, "reads": title} for name, title in rows])
        members = connection.cursor(row_factory=dict_row).execute("SELECT * FROM members ORDER BY id").fetchall()
        return jsonify([{"name": each["name"], "reads": title_of(connection, each["book"])} for each in members])
