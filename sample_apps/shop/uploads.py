"""Files that users send: in a folder of this server, or in a store that speaks S3 and that every server sees."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit


class Uploads(Protocol):
    """Files by key; a key is letters, digits and dashes."""

    async def get(self, key: str) -> bytes | None:
        """The file, or None."""
        ...

    async def put(self, key: str, body: bytes) -> None:
        """Keeps a file; an older one of that key is gone."""
        ...


class Folder:
    """On the local disk. Made when the first file comes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def get(self, key: str) -> bytes | None:
        """The file, or None."""
        return await asyncio.to_thread(self._read, self._path / key)

    async def put(self, key: str, body: bytes) -> None:
        """Whole or not at all: a reader never sees half a file."""
        await asyncio.to_thread(self._write, self._path / key, body)

    @staticmethod
    def _read(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    @staticmethod
    def _write(path: Path, body: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.unfinished")
        unfinished.write_bytes(body)
        unfinished.replace(path)


class Bucket:
    """In a store that speaks S3. Its client is synchronous, and is asked in threads; made at the first use, the bucket
    with it."""

    def __init__(self, endpoint: str, name: str) -> None:
        self._endpoint, self._name = endpoint, name
        self._client: Any = None

    async def get(self, key: str) -> bytes | None:
        """The file, or None."""
        return await asyncio.to_thread(self._read, key)

    async def put(self, key: str, body: bytes) -> None:
        """Keeps a file."""
        await asyncio.to_thread(self._s3().put_object, Bucket=self._name, Key=key, Body=body)

    def _read(self, key: str) -> bytes | None:
        client = self._s3()
        try:
            found: bytes = client.get_object(Bucket=self._name, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None
        return found

    def _s3(self) -> Any:
        if self._client is None:
            import boto3

            # The keys of a store of one's own on loopback, which asks for some but knows none.
            client = boto3.client(
                "s3",
                endpoint_url=self._endpoint,
                region_name="us-east-1",
                aws_access_key_id="shop",
                aws_secret_access_key="shop",  # noqa: S106
            )
            client.create_bucket(Bucket=self._name)
            self._client = client
        return self._client


def open_uploads(url: str) -> Uploads:
    """What SHOP_UPLOADS names: "file:///srv/uploads", or "s3://127.0.0.1:9000/pictures". Raises ValueError for anything
    else."""
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            return Folder(Path(parts.path))
        case "s3":
            return Bucket(f"http://{parts.netloc}", parts.path.strip("/") or "uploads")
    raise ValueError(f"SHOP_UPLOADS={url!r}: unknown store {parts.scheme!r} (known: file, s3)")
