"""The hall: which seats are sold, and their tickets."""

from __future__ import annotations

import socket
import threading

ROWS, SEATS = 40, 30


class Hall:
    """Seats row by row; a full hall is the next evening's. at_once: a ticket is printed before the next seat is
    sold."""

    def __init__(self, printer: int, *, at_once: bool) -> None:
        self._printer, self._at_once = printer, at_once
        self._sold = 0
        self._seats = threading.Lock()

    def sell(self) -> tuple[int, int, str]:
        """(row, seat, ticket)."""
        if self._at_once:
            with self._seats:
                row, number = self._next()
                return row, number, self._print(row, number)
        with self._seats:
            row, number = self._next()
        return row, number, self._print(row, number)

    def _next(self) -> tuple[int, int]:
        row, number = divmod(self._sold % (ROWS * SEATS), SEATS)
        self._sold += 1
        return row, number

    def _print(self, row: int, number: int) -> str:
        """The ticket's number, as the printer gives it."""
        with socket.create_connection(("127.0.0.1", self._printer)) as line:
            line.sendall(f"{row} {number}\n".encode())
            return line.makefile().readline().strip()
