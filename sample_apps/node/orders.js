"use strict";
// Orders and their payment, in the memory of this process.

const crypto = require("node:crypto");

const { price } = require("./pricing");

const MOST_LINES = 50;
const MOST_PIECES = 100;

// The shop says no; `status` is the HTTP status that says it.
class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// A map in which the oldest entry makes room: memory stays bounded under load.
class Table extends Map {
  constructor(capacity) {
    super();
    this.capacity = capacity;
  }

  set(key, value) {
    super.set(key, value);
    if (this.size > this.capacity) this.delete(this.keys().next().value);
    return this;
  }
}

function line(products, user, item) {
  const { id, quantity = 1 } = item ?? {};
  if (!Number.isInteger(id) || !Number.isInteger(quantity) || quantity < 1 || quantity > MOST_PIECES) {
    throw new Refused(422, `items: {"id": 1, "quantity": 1..${MOST_PIECES}} is needed`);
  }
  const product = products.get(id);
  if (!product) throw new Refused(404, `no product ${id}`);
  return { product: id, quantity, gross: quantity * price(product, user).gross };
}

// Prices the items, which come from outside: [{"id": 3, "quantity": 2}, ...]. Throws Refused.
function place(shop, user, items) {
  if (!Array.isArray(items) || items.length < 1 || items.length > MOST_LINES) {
    throw new Refused(422, `items: a list of 1 to ${MOST_LINES} is needed`);
  }
  const lines = items.map((each) => line(shop.products, user, each));
  const total = lines.reduce((sum, each) => sum + each.gross, 0);
  const order = { id: crypto.randomBytes(8).toString("hex"), user: user.id, lines, total };
  shop.orders.set(order.id, order);
  return order;
}

// Paying again gives the first payment, so that a client may repeat a request. Throws Refused.
function pay(shop, id) {
  const order = shop.orders.get(id);
  if (!order) throw new Refused(404, `no order ${String(id).slice(0, 40)}`);
  if (!shop.payments.has(id)) {
    shop.payments.set(id, { id: crypto.randomBytes(8).toString("hex"), order: id, amount: order.total });
  }
  return shop.payments.get(id);
}

module.exports = { Refused, Table, pay, place };
