"use strict";
// The catalog: which products a visitor sees, in which order, and at what price.

const crypto = require("node:crypto");

const { price } = require("./pricing");
const { triples } = require("./seed");

// How alike two words are, by their letter triples: 1 for the same, 0 for strangers.
function likeness(asked, letters) {
  let common = 0;
  for (const each of asked) if (letters.has(each)) common += 1;
  return common / (asked.size + letters.size - common);
}

// How well a product fits the words asked for. Each counts with the product's word most like it, so that "jakcet" still
// finds jackets; what sells well and is liked comes first among equals.
function relevance(product, wanted) {
  let score = 0;
  for (const asked of wanted) {
    let best = 0;
    for (const { letters, weight } of product.words) {
      const alike = weight * likeness(asked, letters);
      if (alike > best) best = alike;
    }
    score += best;
  }
  return score + 0.1 * product.rating + 0.05 * Math.log1p(product.sold);
}

// What is available and fits the query, the best first. query: { text, category, most, page }.
function offers(products, query, user) {
  const wanted = query.text.split(/\s+/).filter(Boolean).map(triples);
  const found = [];
  for (const product of products) {
    if (!product.available || (query.category && query.category !== product.category)) continue;
    const cost = price(product, user);
    if (query.most === null || cost.gross <= query.most) found.push({ product, cost, score: relevance(product, wanted) });
  }
  return found.sort((a, b) => b.score - a.score || a.product.id - b.product.id);
}

// A product and its price as clients see them.
function asJson(product, cost) {
  const { id, title, brand, category, rating } = product;
  const { net, tax, gross, discountBp } = cost;
  return {
    id, title, brand, category, rating,
    price: { net, tax, gross }, discount: discountBp / 10_000, links: { self: `/catalog/${id}` },
  };
}

// One page as JSON, and the signature clients send back with an order to hold us to these prices.
function render(found, query, pageSize, secret) {
  const start = (query.page - 1) * pageSize;
  const items = found.slice(start, start + pageSize).map(({ product, cost }) => asJson(product, cost));
  const pages = Math.ceil(found.length / pageSize);
  const body = JSON.stringify({ query: query.text, page: query.page, pages, found: found.length, items });
  return { body, signature: crypto.createHmac("sha256", secret).update(body).digest("hex") };
}

module.exports = { asJson, offers, relevance, render };
