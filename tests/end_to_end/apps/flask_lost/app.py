"""Lost property: looks for what somebody describes, and keeps what was asked for the statistics."""

import os
import random

from flask import Flask, jsonify
from psycopg_pool import ConnectionPool

app = Flask(__name__)
pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=6, max_size=6, open=True)
asked = []


@app.get("/up")
def up():
    return "ok"


@app.get("/find")
def find():
    line = random.randrange(3000)
    with pool.connection() as connection:
        rows = connection.execute("SELECT id, what, found FROM things WHERE line = %s ORDER BY id", (line,)).fetchall()
    answer = [{"id": number, "what": what, "found": str(found)} for number, what, found in rows]
    asked.append({"line": line, "answer": answer, "words": [f"{line} {each}" for each in range(700)]})
    return jsonify(answer)
