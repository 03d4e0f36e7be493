"""The ticket printer, which takes its time for each ticket and has a tray for many."""

from __future__ import annotations

import time


class Printer:
    """Prints in `ticket_s` seconds."""

    def __init__(self, ticket_s: float) -> None:
        self._ticket_s = ticket_s

    def print(self, _text: str) -> None:
        """Returns when the ticket is out."""
        time.sleep(self._ticket_s)
