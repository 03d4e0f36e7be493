"""Articles and their authors, from the database."""

from __future__ import annotations

import os
import random
from typing import Any

import asyncpg

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
LENGTH = draw.randrange(20, 40)


async def latest(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """The latest articles, as a page shows them."""
    rows = await connection.fetch("SELECT title, author FROM articles ORDER BY published DESC LIMIT $1", LENGTH)
    return [{"title": row["title"], "name": await name(connection, row["author"])} for row in rows]


async def name(connection: asyncpg.Connection, author: int) -> str:
    """What an author is called."""
    row = await connection.fetchrow("SELECT name, bio FROM authors WHERE id = $1", author)
    return str(row["name"])


async def prefetched(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """The same, authors included."""
    rows = await connection.fetch(
        "SELECT title, name FROM articles JOIN authors ON authors.id = author ORDER BY published DESC LIMIT $1", LENGTH
    )
    return [dict(row) for row in rows]
