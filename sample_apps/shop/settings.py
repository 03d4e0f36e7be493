"""What can be set from outside, all of it through environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """`storage_url`: where data is kept; `sessions_url`: where sessions are; `events_url`: where events go;
    `elsewhere`: the address of each part of the shop that another service is; `serves`: the parts that this one is, ()
    for all.

    `database_url`: a PostgreSQL that keeps users, orders and payments instead, or one for each shard, commas between;
    `replica_urls`: copies to read from; `connections`: at most so many to each; `popular`: see seed.initial.

    `cache_url`: where rendered pages are kept for a while; `uploads_url`: where files that users send are; `static`:
    the folder of files under /static; "" for none.

    `season`: what visitors who asked for nothing are shown products for. `password_rounds`: see passwords.py.
    """

    storage_url: str = "memory://"
    products: int = 200
    users: int = 1000
    page_size: int = 24
    season: str = "waterproof trail jacket autumn"
    secret: bytes = b"shop"
    sessions_url: str = "memory://"
    database_url: str = ""
    replica_urls: str = ""
    connections: int = 8
    popular: bool = False
    cache_url: str = ""
    uploads_url: str = "file:uploads"
    static: str = ""
    events_url: str = "memory://"
    serves: tuple[str, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    password_rounds: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """From SHOP_STORAGE, SHOP_PRODUCTS, SHOP_USERS, SHOP_SEASON, SHOP_SECRET, SHOP_SESSIONS, DATABASE_URL,
        DATABASE_REPLICA_URLS, SHOP_CONNECTIONS, SHOP_POPULAR, SHOP_EVENTS, SHOP_SERVES ("auth"), SHOP_ELSEWHERE
        ("users=http://127.0.0.1:8001 orders=..."), SHOP_PASSWORD_ROUNDS, SHOP_CACHE, SHOP_UPLOADS, SHOP_STATIC.
        Raises ValueError for no number."""
        plain = cls()
        return cls(
            storage_url=environment.get("SHOP_STORAGE", plain.storage_url),
            products=int(environment.get("SHOP_PRODUCTS", plain.products)),
            users=int(environment.get("SHOP_USERS", plain.users)),
            season=environment.get("SHOP_SEASON", plain.season),
            secret=environment.get("SHOP_SECRET", "shop").encode(),
            sessions_url=environment.get("SHOP_SESSIONS", plain.sessions_url),
            database_url=environment.get("DATABASE_URL", ""),
            replica_urls=environment.get("DATABASE_REPLICA_URLS", ""),
            connections=int(environment.get("SHOP_CONNECTIONS", plain.connections)),
            popular=environment.get("SHOP_POPULAR", "0") == "1",
            cache_url=environment.get("SHOP_CACHE", ""),
            uploads_url=environment.get("SHOP_UPLOADS", plain.uploads_url),
            static=environment.get("SHOP_STATIC", ""),
            events_url=environment.get("SHOP_EVENTS", plain.events_url),
            serves=tuple(environment.get("SHOP_SERVES", "").split()),
            elsewhere=dict(each.split("=", 1) for each in environment.get("SHOP_ELSEWHERE", "").split()),
            password_rounds=int(environment.get("SHOP_PASSWORD_ROUNDS", plain.password_rounds)),
        )
