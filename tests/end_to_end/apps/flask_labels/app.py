"""Labels for parcels: Flask under gunicorn, one process of eight threads."""

import json
import os
import random
import subprocess
import sys

from flask import Flask
from label import made

app = Flask(__name__)
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))


def printed(number):
    if os.environ.get("MAKER", "tool") == "here":
        return made(number)
    ready = subprocess.run([sys.executable, "label.py", str(number)], stdout=subprocess.PIPE, check=True)
    return json.loads(ready.stdout)


@app.get("/up")
def up():
    return "ok"


@app.get("/label")
def label():
    return printed(draw.randrange(10**9))
