"""Weather for three towns, each asked for by itself."""

import os

import requests
from flask import Flask, jsonify

app = Flask(__name__)
STATION = f"http://127.0.0.1:{os.environ['STATION_PORT']}"
TOWNS = ("north", "south", "coast")
session = requests.Session()
ask = session.get if os.environ.get("KEEP", "no") == "yes" else requests.get


@app.get("/up")
def up():
    return "ok"


@app.get("/weather")
def weather():
    return jsonify({town: ask(f"{STATION}/at/{town}", timeout=5).json() for town in TOWNS})
