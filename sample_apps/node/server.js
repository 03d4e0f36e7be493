"use strict";
// The shop's HTTP side: routes, what they read from a request, what they answer. `node server.js` listens on PORT.

const crypto = require("node:crypto");
const http = require("node:http");

const catalog = require("./catalog");
const { Refused, Table, pay, place } = require("./orders");
const { price } = require("./pricing");
const seed = require("./seed");

const GUEST = { id: 0, name: "guest", country: "DE", tier: "guest" };
const MOST_KEPT = 5000;
const MOST_BYTES = 1 << 20;

const settings = {
  products: Number(process.env.SHOP_PRODUCTS || 400),
  users: Number(process.env.SHOP_USERS || 1000),
  pageSize: 24,
  season: process.env.SHOP_SEASON || "waterproof trail jacket autumn",
  secret: process.env.SHOP_SECRET || "shop",
};
// Nothing of this is shared between processes.
const shop = {
  products: seed.products(settings.products),
  users: seed.users(settings.users),
  sessions: new Table(MOST_KEPT),
  orders: new Table(MOST_KEPT),
  payments: new Table(MOST_KEPT),
};

function send(response, status, body, headers = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain" : "application/json";
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text), ...headers });
  response.end(text);
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MOST_BYTES) throw new Refused(413, `the body is longer than ${MOST_BYTES} bytes`);
    parts.push(part);
  }
  try {
    const body = JSON.parse(Buffer.concat(parts).toString());
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
  throw new Refused(422, "the body is not an object");
}

function numberOf(text, least = 0) {
  if (text === null) return null;
  if (!/^\d{1,12}$/.test(text) || Number(text) < least) {
    throw new Refused(422, `'${text.slice(0, 40)}' is not a number of ${least} or more`);
  }
  return Number(text);
}

// The user of that number or name ("7", 7, "user7").
function userOf(name) {
  const digits = String(name).replace(/^user/, "");
  const user = /^\d{1,12}$/.test(digits) ? shop.users.get(Number(digits)) : undefined;
  if (!user) throw new Refused(404, `no user ${String(name).slice(0, 40)}`);
  return user;
}

function listProducts(request, response, url) {
  const asked = url.searchParams;
  const query = {
    text: (asked.get("q") ?? settings.season).slice(0, 100),
    category: asked.get("category"),
    most: numberOf(asked.get("most")),
    page: numberOf(asked.get("page"), 1) ?? 1,
  };
  const found = catalog.offers(shop.products.values(), query, GUEST);
  const { body, signature } = catalog.render(found, query, settings.pageSize, settings.secret);
  send(response, 200, body, { "content-type": "application/json", "x-signature": signature });
}

function showProduct(request, response, url, id) {
  const product = shop.products.get(Number(id));
  if (!product) throw new Refused(404, `no product ${id}`);
  send(response, 200, catalog.asJson(product, price(product, GUEST)));
}

async function login(request, response) {
  const user = userOf((await bodyOf(request)).user);
  const token = crypto.randomBytes(24).toString("base64url");
  shop.sessions.set(token, user.id);
  send(response, 200, { token });
}

function profile(request, response) {
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const id = shop.sessions.get(token);
  if (id === undefined) throw new Refused(401, "not logged in here");
  send(response, 200, userOf(id));
}

async function placeOrder(request, response) {
  const body = await bodyOf(request);
  const order = place(shop, userOf(body.user), body.items);
  send(response, 201, { id: order.id, total: order.total });
}

function showOrder(request, response, url, id) {
  const order = shop.orders.get(id);
  if (!order) throw new Refused(404, `no order ${id.slice(0, 40)}`);
  send(response, 200, { ...order, paid: shop.payments.has(id) });
}

async function payOrder(request, response) {
  const { id, amount } = pay(shop, (await bodyOf(request)).order);
  send(response, 201, { id, amount });
}

const HOME = `<!doctype html><title>Shop</title><h1>Shop</h1>
<p><a href="/catalog">Catalog</a> with ${settings.products} products.</p>
`;
let visits = 0;
const ROUTES = [
  ["GET", /^\/$/, (request, response) => send(response, 200, HOME, { "content-type": "text/html" })],
  ["GET", /^\/health$/, (request, response) => send(response, 200, "ok")],
  ["GET", /^\/visits$/, (request, response) => send(response, 200, { process: process.pid, visits: ++visits })],
  ["GET", /^\/catalog$/, listProducts],
  ["GET", /^\/catalog\/(\d+)$/, showProduct],
  ["GET", /^\/users\/([^/]+)$/, (request, response, url, id) => send(response, 200, userOf(id))],
  ["POST", /^\/login$/, login],
  ["GET", /^\/profile$/, profile],
  ["POST", /^\/orders$/, placeOrder],
  ["GET", /^\/orders\/([^/]+)$/, showOrder],
  ["POST", /^\/payments$/, payOrder],
];

async function answer(request, response) {
  try {
    const url = new URL(request.url, "http://shop");
    const fitting = ROUTES.map((route) => [route, route[1].exec(url.pathname)]).filter(([, match]) => match);
    const [route, match] = fitting.find(([[method]]) => method === request.method) ?? [];
    if (!route) throw new Refused(fitting.length ? 405 : 404, fitting.length ? "not this way" : "no such page");
    await route[2](request, response, url, match[1]);
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
    if (!response.headersSent) send(response, error.status ?? 500, { error: error.status ? error.message : "failed" });
  }
}

const server = http.createServer(answer);
server.listen(Number(process.env.PORT || 8000), "127.0.0.1");
process.on("SIGTERM", () => {
  server.close();
  server.closeIdleConnections();
});
