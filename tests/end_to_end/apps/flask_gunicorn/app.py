"""A web server's log, counted by page: the lines are taken apart with a regular expression for each visit."""

from __future__ import annotations

import os
import random
import re
from collections import Counter

from flask import Flask, render_template_string

LINE = re.compile(
    r"^(?P<host>\S+) \S+ \S+ \[(?P<when>[^\]]+)\] "
    r'"(?P<verb>[A-Z]+) (?P<page>\S+)[^"]*" (?P<status>\d{3}) (?P<bytes>\d+|-)'
)
PAGE = "<table>{% for page, hits in rows %}<tr><td>{{ page }}</td><td>{{ hits }}</td></tr>{% endfor %}</table>"

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
LOG = [
    f"10.0.0.{draw.randrange(255)} - - [10/Oct/2025:13:55:{draw.randrange(60):02} +0000] "
    f'"GET /page/{draw.randrange(40)} HTTP/1.1" {draw.choice((200, 200, 200, 304, 404))} {draw.randrange(90_000)}'
    for _ in range(draw.randrange(3000, 4500))
]

app = Flask(__name__)


def count(lines: list[str]) -> Counter[str]:
    """Hits of each page that was there."""
    hits: Counter[str] = Counter()
    for line in lines:
        found = LINE.match(line)
        if found and found["status"] != "404":
            hits[found["page"]] += 1
    return hits


@app.get("/")
def report() -> str:
    """The ten pages read most."""
    return render_template_string(PAGE, rows=count(LOG).most_common(10))


@app.get("/health")
def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"
