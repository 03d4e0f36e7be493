"""Family trees: for each visit a tree is grown, in which parents know their children and children their parents."""

from __future__ import annotations

import os
import random
import sys

from flask import Flask, Response, jsonify
from waitress import serve

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PEOPLE = draw.randrange(2500, 4000)

app = Flask(__name__)


class Person:
    """Somebody."""

    def __init__(self, name: int, parent: Person | None) -> None:
        self.name, self.parent = name, parent
        self.children: list[Person] = []
        if parent is not None:
            parent.children.append(self)


def grow(people: int) -> Person:
    """The first of them."""
    known = [Person(0, None)]
    for name in range(1, people):
        known.append(Person(name, known[name // 2]))
    return known[0]


@app.get("/tree")
def tree() -> Response:
    """How many generations."""
    somebody, generations = grow(PEOPLE), 1
    while somebody.children:
        somebody, generations = somebody.children[0], generations + 1
    return jsonify(generations=generations)


@app.get("/health")
def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"


if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=8)
