"""Albums of weddings, put together from their pictures when they are asked for. A Django site of one file."""

from __future__ import annotations

import os
import random
import time
import zlib

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY=os.urandom(8).hex(), ALLOWED_HOSTS=["127.0.0.1"], MIDDLEWARE=[])

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
FEW, MANY = draw.randrange(2, 5), draw.randrange(28, 36)
LARGE = draw.uniform(0.014, 0.020)
"""Share of weddings of which there are many pictures."""
PICTURE = draw.randbytes(draw.randrange(950_000, 1_150_000))
SHELF_S = draw.uniform(0.015, 0.025)


def fetched(number: int) -> bytes:
    """One picture, from a shelf that takes its time."""
    time.sleep(SHELF_S)
    return bytes([number]) + PICTURE


def album(_: HttpRequest) -> HttpResponse:
    """All pictures of a wedding, bound together; tells its size and its sum."""
    pictures = MANY if random.random() < LARGE else FEW
    bound = b"".join([fetched(number) for number in range(pictures)])
    return JsonResponse({"bytes": len(bound), "sum": zlib.adler32(bound)})


def health(_: HttpRequest) -> HttpResponse:
    """For whoever waits until the service is up."""
    return HttpResponse("ok")


urlpatterns = [path("album", album), path("health", health)]
application = get_wsgi_application()
