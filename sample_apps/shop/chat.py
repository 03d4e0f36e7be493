"""A chat room: what one visitor says, all others in the room hear. The room is in the memory of one process."""

from __future__ import annotations

import asyncio
import os

from starlette.websockets import WebSocket, WebSocketDisconnect

LONGEST = 500


class Room:
    """Who is here."""

    def __init__(self) -> None:
        self._here: dict[WebSocket, str] = {}

    def enter(self, socket: WebSocket, name: str) -> int:
        """How many are here now."""
        self._here[socket] = name
        return len(self._here)

    def leave(self, socket: WebSocket) -> None:
        """Gone, whether they said so or not."""
        self._here.pop(socket, None)

    async def say(self, name: str, text: str) -> None:
        """To everybody, the speaker too; whoever cannot be reached has left."""
        everybody = list(self._here)
        said = [each.send_json({"from": name, "text": text[:LONGEST]}) for each in everybody]
        for socket, result in zip(everybody, await asyncio.gather(*said, return_exceptions=True), strict=True):
            if isinstance(result, BaseException):
                self.leave(socket)


async def join(socket: WebSocket) -> None:
    """?user= joins; each text is said to all. The first message says by which server one is served, and how many are
    here."""
    room: Room = socket.app.state.room
    name = socket.query_params.get("user", "somebody")[:40]
    await socket.accept()
    await socket.send_json({"server": os.getpid(), "here": room.enter(socket, name)})
    try:
        while True:
            await room.say(name, await socket.receive_text())
    except WebSocketDisconnect:
        room.leave(socket)
