"""People by a part of their name: a Django site of one file, and PostgreSQL."""

import os
import random
from urllib.parse import urlparse

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

PLACE = urlparse(os.environ["DATABASE_URL"])
settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="names",
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": PLACE.path.strip("/"),
            "USER": PLACE.username or "",
            "PASSWORD": PLACE.password or "",
            "HOST": PLACE.hostname,
            "PORT": PLACE.port,
            "CONN_MAX_AGE": 600,
        }
    },
)
django.setup()

from django.db import models  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))


class Person(models.Model):
    name = models.TextField(db_index=True)
    town = models.TextField()

    class Meta:
        app_label = "names"
        db_table = "person"


def search(request):
    part = request.GET.get("q") or f"{draw.choice(['berg', 'holm', 'lund'])} {draw.randrange(90_000)}"
    found = Person.objects.filter(name__icontains=part).order_by("id")[:10]
    return JsonResponse({"found": [{"id": each.id, "name": each.name, "town": each.town} for each in found]})


def up(request):
    return HttpResponse("ok")


urlpatterns = [path("search", search), path("up", up)]
application = get_wsgi_application()
