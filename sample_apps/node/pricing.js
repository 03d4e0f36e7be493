"use strict";
// What a product costs a user: margin, discount, and the tax of the user's country. Money is whole cents, rates are
// basis points (1900 = 19%).

const MARGIN_BP = { jackets: 5200, shoes: 4800, books: 2100, food: 2600, gear: 3900 };
const TIER_BP = { guest: 0, member: 300, gold: 800 };
// The rate for a country and a category; "*" is any. The first rule that fits counts.
const TAX_RULES = [
  ["DE", "books", 700], ["DE", "food", 700], ["DE", "*", 1900],
  ["AT", "books", 1000], ["AT", "food", 1000], ["AT", "*", 2000],
  ["FR", "books", 550], ["FR", "food", 550], ["FR", "*", 2000],
  ["CH", "books", 260], ["CH", "food", 260], ["CH", "*", 810],
  ["*", "*", 2500],
];

function taxBp(country, category) {
  const [, , rate] = TAX_RULES.find(([c, k]) => (c === country || c === "*") && (k === category || k === "*"));
  return rate;
}

// The user's own discount, and what is taken off goods that lie around; never more than 30%.
function discountBp(product, user) {
  const stale = product.ageDays > 365 && product.sold < 5000 ? 1000 : 0;
  return Math.min(TIER_BP[user.tier] + stale, 3000);
}

// What one piece of the product costs the user today.
function price(product, user) {
  const discount = discountBp(product, user);
  const listed = Math.floor((product.costCents * (10_000 + MARGIN_BP[product.category])) / 10_000);
  const net = Math.floor((listed * (10_000 - discount)) / 10_000);
  const tax = Math.floor((net * taxBp(user.country, product.category)) / 10_000);
  return { net, tax, gross: net + tax, discountBp: discount };
}

module.exports = { price };
