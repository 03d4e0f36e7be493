"""The decision tree of scaling, as data: "Is your app slow? Profile the bottleneck." Its branches, and their steps
in order.

Vertical before horizontal; indexes, then replicas, then shards. Rules name a branch and a step of it; the report draws
the tree with the taken branch lit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Branch:
    """One arm of the tree. `steps` are tried in this order; the names are those of verdict.json."""

    name: str
    question: str
    advice: str
    steps: tuple[str, ...]


ROOT = "Is your app slow? Profile the bottleneck."

TREE: tuple[Branch, ...] = (
    Branch(
        "cpu",
        "Is it CPU?",
        "Use every core of this machine first, then more machines.",
        (
            "raise_quota",
            "isolate",
            "processes",
            "more_balancer_threads",
            "cluster",
            "batch",
            "reverse_proxy",
            "tls_termination",
            "horizontal",
        ),
    ),
    Branch(
        "memory",
        "Is it memory?",
        "A bigger server, or the data in a cache of its own.",
        ("fix_leak", "fewer_objects", "bigger_server_or_cache", "bigger_cache", "cheaper_command"),
    ),
    Branch(
        "database",
        "Is it the database?",
        "Indexes, then read replicas, then shards.",
        (
            "index",
            "join",
            "shorter_transactions",
            "batch_commits",
            "bigger_pool",
            "pooler",
            "real_database",
            "read_replicas",
            "fewer_writes_per_replica",
            "shard",
            "reshard",
        ),
    ),
    Branch(
        "network",
        "Is it the network?",
        "Keep connections, compress, cache near the user.",
        ("keep_alive", "batch", "cache_or_queue", "compress_or_cdn", "buffering_proxy"),
    ),
    Branch(
        "server_limit",
        "Is it one server's limit?",
        "Horizontal scaling behind a load balancer.",
        (
            "raise_limit",
            "raise_rate_limit",
            "more_workers",
            "least_connections",
            "replace_backend",
            "more_consumers",
            "horizontal",
            "scale_earlier",
            "raise_maximum",
            "cooldown",
            "scale_on_queue",
            "faster_disk_or_cache",
        ),
    ),
    Branch(
        "code",
        "Is it the code?",
        "No scaling helps: a lock, a blocking call, a crash.",
        ("make_async", "narrow_lock", "bounded_work", "bigger_pool", "shared_sessions", "fix_crash"),
    ),
)


def branch(name: str) -> Branch | None:
    """The arm of that name; None for the measurement's own kinds."""
    return next((each for each in TREE if each.name == name), None)
