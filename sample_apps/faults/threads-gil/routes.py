"""Shortest ways through a city of square blocks, some streets slower than others."""

from __future__ import annotations

import heapq
import random

Crossing = tuple[int, int]


class City:
    """A grid of crossings, and the minutes from each to its neighbours."""

    def __init__(self, side: int, draw: random.Random) -> None:
        self.side = side
        self._minutes = {
            (x, y): {
                neighbour: draw.randrange(1, 9)
                for neighbour in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1))
                if 0 <= neighbour[0] < side and 0 <= neighbour[1] < side
            }
            for x in range(side)
            for y in range(side)
        }

    def fastest(self, start: Crossing, goal: Crossing) -> int:
        """The minutes of the fastest way (Dijkstra). Raises KeyError for a crossing outside the city."""
        reached = {start: 0}
        ahead = [(0, start)]
        while ahead:
            minutes, here = heapq.heappop(ahead)
            if here == goal:
                return minutes
            if minutes > reached[here]:
                continue
            for there, more in self._minutes[here].items():
                total = minutes + more
                if total < reached.get(there, 1_000_000):
                    reached[there] = total
                    heapq.heappush(ahead, (total, there))
        raise KeyError(goal)
