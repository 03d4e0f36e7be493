"""The shop's HTTP side: routes, what they read from a request, what they answer."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from . import catalog, chat, orders
from .cache import Pages, open_pages
from .events import Events, open_events
from .model import GUEST, User
from .orders import Refused
from .passwords import Passwords
from .pricing import price
from .settings import Settings
from .storage import Storage, open_storage
from .uploads import Uploads, open_uploads

LARGEST_PICTURE = 1_000_000
HOME = """<!doctype html><title>Shop</title><h1>Shop</h1>
<p><a href="/catalog">Catalog</a> with {products} products.</p>
"""


def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


def _events(request: Request) -> Events:
    events: Events = request.app.state.events
    return events


def _number(text: str | None, least: int = 0) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not least <= int(text[:12]):
        raise Refused(422, f"{text[:40]!r} is not a number of {least} or more")
    return int(text[:12])


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(422, "the body is not an object")
    return body


async def _user(storage: Storage, name: object) -> User:
    """The user of that number or name ("7", 7, "user7")."""
    digits = str(name).removeprefix("user")
    user = await storage.users.get(int(digits)) if digits.isascii() and digits.isdigit() else None
    if user is None:
        raise Refused(404, f"no user {str(name)[:40]}")
    return user


async def home(request: Request) -> Response:
    """The front page."""
    return HTMLResponse(HOME.format(products=len(await _storage(request).products.all())))


async def health(_: Request) -> Response:
    """For balancers and for whoever waits until the shop is up."""
    return PlainTextResponse("ok")


async def visits(request: Request) -> Response:
    """How often this was asked for, as the process that answers knows it: {"process": 4242, "visits": 7}."""
    request.app.state.visits += 1
    return JSONResponse({"process": os.getpid(), "visits": request.app.state.visits})


async def list_products(request: Request) -> Response:
    """A page of the catalog: ?q= &category= &most= &page=."""
    settings: Settings = request.app.state.settings
    asked = request.query_params
    query = catalog.Query(
        text=asked.get("q", settings.season)[:100],
        category=asked.get("category"),
        most_cents=_number(asked.get("most")),
        page=_number(asked.get("page"), least=1) or 1,
    )
    pages: Pages = request.app.state.pages

    async def rendered() -> bytes:
        found = catalog.offers(await _storage(request).products.all(), query, GUEST)
        body, signature = catalog.render(found, query, settings.page_size, settings.secret)
        return signature.encode() + b"\n" + body

    page = await pages.page(hashlib.sha256(repr(query).encode()).hexdigest(), rendered)
    signature, _, body = page.partition(b"\n")
    return Response(body, media_type="application/json", headers={"x-signature": signature.decode()})


async def show_product(request: Request) -> Response:
    """One product."""
    product = await _storage(request).products.get(request.path_params["id"])
    if product is None:
        raise Refused(404, f"no product {request.path_params['id']}")
    return JSONResponse(catalog.as_json(product, price(product, GUEST)))


async def show_user(request: Request) -> Response:
    """One user."""
    return JSONResponse(asdict(await _user(_storage(request), request.path_params["id"])))


async def bought(request: Request) -> Response:
    """What a user bought most: [{"id": 3, "pieces": 12}, ...]."""
    number = _number(request.path_params["id"]) or 0
    found = await _storage(request).orders.bought(number)
    return JSONResponse([{"id": product, "pieces": pieces} for product, pieces in found.items()])


async def put_picture(request: Request) -> Response:
    """The body is a user's picture from now on."""
    user = await _user(_storage(request), request.path_params["id"])
    body = await request.body()
    if not 0 < len(body) <= LARGEST_PICTURE:
        raise Refused(413, f"a picture has between 1 and {LARGEST_PICTURE} bytes")
    uploads: Uploads = request.app.state.uploads
    await uploads.put(f"picture-{user.id}", body)
    return Response(status_code=204)


async def show_picture(request: Request) -> Response:
    """A user's picture as it was sent."""
    user = await _user(_storage(request), request.path_params["id"])
    uploads: Uploads = request.app.state.uploads
    body = await uploads.get(f"picture-{user.id}")
    if body is None:
        raise Refused(404, f"no picture of user {user.id} here")
    return Response(body, media_type="application/octet-stream")


async def login(request: Request) -> Response:
    """{"user": ..., "password": ...} -> {"token": ...}, to be sent as the header `authorization`."""
    body = await _body(request)
    user = await _user(_storage(request), body.get("user"))
    passwords: Passwords = request.app.state.passwords
    if not passwords.verify(user, str(body.get("password"))):
        raise Refused(401, "not the password")
    token = secrets.token_urlsafe(24)
    await _storage(request).sessions.put(token, user.id)
    return JSONResponse({"token": token})


async def profile(request: Request) -> Response:
    """The user who logged in."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    number = await _storage(request).sessions.get(token)
    if number is None:
        raise Refused(401, "not logged in here")
    return JSONResponse(asdict(await _user(_storage(request), number)))


async def place_order(request: Request) -> Response:
    """{"user": ..., "items": [{"id": 1, "quantity": 2}]} -> {"id": ..., "total": ...}."""
    body = await _body(request)
    user = await _user(_storage(request), body.get("user"))
    order = await orders.place(_storage(request), user, body.get("items"))
    await _events(request).publish("ordered", order=order.id, user=user.id, cents=order.total_cents)
    return JSONResponse({"id": order.id, "total": order.total_cents}, status_code=201)


async def show_order(request: Request) -> Response:
    """One order, and whether it is paid: null where payments are another service's."""
    order = await _storage(request).orders.get(request.path_params["id"])
    if order is None:
        raise Refused(404, f"no order {request.path_params['id'][:40]}")
    known = "payments" in (request.app.state.settings.serves or ("payments",))
    paid = await _storage(request).payments.get(order.id) is not None if known else None
    return JSONResponse({**asdict(order), "total": order.total_cents, "paid": paid})


async def pay_order(request: Request) -> Response:
    """{"order": ...} -> {"id": ..., "amount": ...}."""
    payment = await orders.pay(_storage(request), str((await _body(request)).get("order")))
    await _events(request).publish("paid", order=payment.order, cents=payment.amount_cents)
    return JSONResponse({"id": payment.id, "amount": payment.amount_cents}, status_code=201)


async def refuse(_: Request, error: Exception) -> Response:
    """A refusal as an answer."""
    if not isinstance(error, Refused):
        raise error
    return JSONResponse({"error": error.reason}, status_code=error.status)


async def fail(_: Request, error: Exception) -> Response:
    """Another service is gone: this one is not."""
    return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=502)


ROUTES = [
    Route("/", home),
    Route("/health", health),
    Route("/visits", visits),
    Route("/catalog", list_products),
    Route("/catalog/{id:int}", show_product),
    Route("/users/{id}", show_user),
    Route("/users/{id}/bought", bought),
    Route("/users/{id}/picture", put_picture, methods=["PUT"]),
    Route("/users/{id}/picture", show_picture),
    Route("/login", login, methods=["POST"]),
    Route("/profile", profile),
    Route("/orders", place_order, methods=["POST"]),
    Route("/orders/{id}", show_order),
    Route("/payments", pay_order, methods=["POST"]),
]


PARTS = {"": "catalog", "catalog": "catalog", "visits": "catalog", "users": "users", "login": "auth",
         "profile": "auth", "orders": "orders", "payments": "payments", "bought": "orders"}  # fmt: skip
"""The part of the shop that the first or the last word of a path belongs to."""


def routes(serves: tuple[str, ...]) -> list[Route]:
    """Those of these parts, of all for (). Raises ValueError for a part that the shop does not have."""
    unknown = set(serves) - set(PARTS.values())
    if unknown:
        raise ValueError(
            f"SHOP_SERVES: no {', '.join(sorted(unknown))} (known: {', '.join(sorted(set(PARTS.values())))})"
        )
    return [each for each in ROUTES if not serves or _part(each.path) in (*serves, None)]


def _part(path: str) -> str | None:
    """None for what every part has."""
    words = path.split("/")
    return PARTS.get(words[-1]) or PARTS.get(words[1])


def static(folder: str) -> list[Mount]:
    """Files served by the shop itself, where no proxy does. Raises RuntimeError for a folder that is not there."""
    return [Mount("/static", StaticFiles(directory=folder))] if folder else []


def build(settings: Settings) -> Starlette:
    """The application. Raises ValueError for settings that cannot work."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await app.state.storage.close()

    app = Starlette(
        routes=[*routes(settings.serves), *static(settings.static), WebSocketRoute("/chat", chat.join)],
        exception_handlers={Refused: refuse, OSError: fail},
        lifespan=lifespan,
    )
    app.state.passwords = Passwords(settings.password_rounds)
    app.state.events = open_events(settings.events_url)
    app.state.pages = open_pages(settings.cache_url)
    app.state.uploads = open_uploads(settings.uploads_url)
    app.state.room = chat.Room()
    app.state.visits = 0
    app.state.settings = settings
    app.state.storage = open_storage(settings)
    return app


app = build(Settings.from_environment(os.environ))
