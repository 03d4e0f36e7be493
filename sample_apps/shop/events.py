"""Events: what happened, told to whoever is interested, later. Through RabbitMQ or a stream of Redis or Valkey."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Protocol
from urllib.parse import urlsplit

NAME = "shop-events"
GROUP = "notifications"
MOST = 100_000
"""Entries a stream keeps: those that were read long ago make room."""


class Events(Protocol):
    """Where events go."""

    async def publish(self, kind: str, **data: Any) -> None:
        """Tells of one. Raises OSError where nobody takes it."""
        ...

    def consume(self, consumer: str) -> AsyncIterator[dict[str, Any]]:
        """Events, each once among all consumers; asking for the next one says that this one is dealt with."""
        ...


class NoEvents:
    """Nobody is interested."""

    async def publish(self, kind: str, **data: Any) -> None:
        """Nothing happens."""

    async def consume(self, consumer: str) -> AsyncIterator[dict[str, Any]]:  # noqa: ARG002 - as the others
        """None."""
        return
        yield {}


class StreamEvents:
    """A stream, and a group of consumers that share what is in it."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import Redis

        self._redis = Redis.from_url(url)

    async def publish(self, kind: str, **data: Any) -> None:
        """One entry."""
        await self._redis.xadd(NAME, {"event": json.dumps({"kind": kind, **data})}, maxlen=MOST, approximate=True)

    async def consume(self, consumer: str) -> AsyncIterator[dict[str, Any]]:
        """Entry by entry."""
        from redis.exceptions import ResponseError

        try:
            await self._redis.xgroup_create(NAME, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        while True:
            for _, entries in await self._redis.xreadgroup(GROUP, consumer, {NAME: ">"}, count=10, block=2000) or []:
                for entry, fields in entries:
                    yield json.loads(fields[b"event"])
                    await self._redis.xack(NAME, GROUP, entry)


class AmqpEvents:
    """A queue of RabbitMQ. One connection, made at the first use."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._channel: Any = None

    async def publish(self, kind: str, **data: Any) -> None:
        """One message."""
        from aio_pika import Message

        channel = await self._open()
        body = json.dumps({"kind": kind, **data}).encode()
        await channel.default_exchange.publish(Message(body), routing_key=NAME)

    async def consume(self, consumer: str) -> AsyncIterator[dict[str, Any]]:
        """Message by message."""
        channel = await self._open()
        await channel.set_qos(prefetch_count=10)
        queue = await channel.declare_queue(NAME)
        async with queue.iterator(consumer_tag=consumer) as messages:
            async for message in messages:
                yield json.loads(message.body)
                await message.ack()

    async def _open(self) -> Any:
        from aio_pika import connect_robust

        if self._channel is None:
            connection = await connect_robust(self._url)
            channel = await connection.channel(publisher_confirms=False)
            await channel.declare_queue(NAME)
            self._channel = channel
        return self._channel


def open_events(url: str) -> Events:
    """What SHOP_EVENTS names. Raises ValueError for something that is not known."""
    scheme = urlsplit(url).scheme
    if scheme in ("", "memory"):
        return NoEvents()
    if scheme == "redis":
        return StreamEvents(url)
    if scheme == "amqp":
        return AmqpEvents(url)
    raise ValueError(f"SHOP_EVENTS={url!r}: unknown queue {scheme!r} (known: amqp, redis)")
