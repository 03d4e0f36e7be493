"""A Django site of one file: what a shop's tills took. Every few seconds the sums are made anew, in a thread beside."""

from __future__ import annotations

import os
import random
import threading
import time

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="tills", ALLOWED_HOSTS=["127.0.0.1", "localhost"], MIDDLEWARE=[])

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
EVERY_S = draw.uniform(3.0, 5.0)
SLIPS = [(draw.randrange(20), draw.randrange(1, 9000)) for _ in range(draw.randrange(700_000, 1_000_000))]
sums: dict[int, int] = {}


def add_up() -> None:
    """For ever."""
    while True:
        taken: dict[int, int] = {}
        for till, cents in SLIPS:
            taken[till] = taken.get(till, 0) + cents
        sums.update(taken)
        time.sleep(EVERY_S)


threading.Thread(target=add_up, daemon=True).start()


def till(request: HttpRequest) -> HttpResponse:
    """What each took."""
    return JsonResponse({"sums": sums})


def health(request: HttpRequest) -> HttpResponse:
    """For whoever waits until the service is up."""
    return HttpResponse("ok")


urlpatterns = [path("till", till), path("health", health)]
application = get_wsgi_application()
