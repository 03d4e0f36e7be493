"""Exchange rates, from the bank's HTTP service. Thread-safe: each thread has a connection of its own."""

from __future__ import annotations

import http.client
import json
import threading


class Rates:
    """A client of the bank."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._local = threading.local()

    def latest(self, currency: str) -> float:
        """Today's price of one euro in that currency. Raises OSError when the bank cannot be reached."""
        connection = self._connection()
        connection.request("GET", f"/rates/{currency}")
        answer = json.loads(connection.getresponse().read())
        return float(answer["rate"])

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        connection: http.client.HTTPConnection = self._local.connection
        return connection
