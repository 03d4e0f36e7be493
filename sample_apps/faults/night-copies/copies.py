"""Copies of the night: packs the archive anew, picture by picture, and never ends. Nobody waits for it."""

from __future__ import annotations

import os
import random
import zlib

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PICTURE = draw.randbytes(draw.randrange(150_000, 300_000)) * 2

if __name__ == "__main__":
    packed = 0
    while True:
        packed += len(zlib.compress(PICTURE, 6))
