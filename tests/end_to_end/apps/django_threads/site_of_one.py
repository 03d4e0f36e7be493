"""A Django site of one file: hands of cards, scored."""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="cards", ALLOWED_HOSTS=["127.0.0.1", "localhost"], MIDDLEWARE=[])

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
DECK = [(rank, suit) for rank in range(2, 15) for suit in "cdhs"]
HANDS = [draw.sample(DECK, 7) for _ in range(draw.randrange(6, 10))]

Card = tuple[int, str]


def worth(cards: tuple[Card, ...]) -> tuple[int, list[int]]:
    """How much five cards are worth; more is better."""
    counts = sorted(Counter(rank for rank, _ in cards).items(), key=lambda item: (-item[1], -item[0]))
    ranks = [rank for rank, _ in counts]
    shape = tuple(number for _, number in counts)
    flush = len({suit for _, suit in cards}) == 1
    straight = len(ranks) == 5 and ranks[0] - ranks[4] == 4
    kinds = {(4, 1): 7, (3, 2): 6, (3, 1, 1): 3, (2, 2, 1): 2, (2, 1, 1, 1): 1}
    return (8 if flush and straight else 5 if flush else 4 if straight else kinds.get(shape, 0)), ranks


def score(request: HttpRequest) -> HttpResponse:
    """The best five of each hand's seven."""
    best = [max(worth(five) for five in itertools.combinations(hand, 5)) for hand in HANDS]
    return JsonResponse({"best": best})


def health(request: HttpRequest) -> HttpResponse:
    """For whoever waits until the service is up."""
    return HttpResponse("ok")


urlpatterns = [path("score", score), path("health", health)]
application = get_wsgi_application()
