"use strict";
// The goods and the customers: made up, and the same in every process and on every day.

const CATEGORIES = {
  jackets: ["rain jacket", "down jacket", "softshell jacket", "wind jacket"],
  shoes: ["trail shoe", "hiking boot", "road shoe", "approach shoe"],
  books: ["trail guide", "mountain atlas", "cook book", "field notebook"],
  food: ["energy bar", "dried fruit", "instant soup", "espresso beans"],
  gear: ["head lamp", "dry bag", "trekking pole", "sleeping mat"],
};
const BRANDS = ["Nordwand", "Fjellrev", "Alpin", "Kestrel", "Tarn", "Boreal"];
const QUALITIES = ["waterproof", "lightweight", "recycled", "insulated", "breathable", "compact", "rugged"];
const SEASONS = ["spring", "summer", "autumn", "winter"];
const COUNTRIES = ["DE", "AT", "FR", "DK", "CH"];
const TIERS = ["guest", "member", "member", "gold"];

// Numbers below n that look random, in the same order for the same seed (mulberry32).
function drawing(seed) {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}

// The letter triples of a word, edges marked: "bag" is " ba", "bag", "ag ". Words alike share many of them.
function triples(word) {
  const padded = ` ${word.toLowerCase()} `;
  return new Set(Array.from({ length: padded.length - 2 }, (_, at) => padded.slice(at, at + 3)));
}

function product(id, draw) {
  const one = (list) => list[draw(list.length)];
  const category = one(Object.keys(CATEGORIES));
  const noun = one(CATEGORIES[category]);
  const first = one(QUALITIES);
  const second = one(QUALITIES.filter((each) => each !== first));
  const [brand, season] = [one(BRANDS), one(SEASONS)];
  const weighted = [[noun, 3.0], [`${first} ${second}`, 2.0], [`${brand} ${season}`, 1.0]];
  return {
    id,
    title: `${brand} ${first} ${second} ${noun}`,
    category,
    brand,
    costCents: 199 + draw(29_701),
    rating: 2.5 + draw(26) / 10,
    sold: draw(20_000),
    ageDays: draw(900),
    available: draw(100) < 95,
    words: weighted.flatMap(([text, weight]) => text.split(" ").map((word) => ({ letters: triples(word), weight }))),
  };
}

// That many products, by number from 1.
function products(count) {
  const draw = drawing(7);
  return new Map(Array.from({ length: count }, (_, at) => [at + 1, product(at + 1, draw)]));
}

// That many users, by number from 1, called user1, user2, ...
function users(count) {
  const draw = drawing(11);
  const made = (id) => ({ id, name: `user${id}`, country: COUNTRIES[draw(5)], tier: TIERS[draw(4)] });
  return new Map(Array.from({ length: count }, (_, at) => [at + 1, made(at + 1)]));
}

module.exports = { products, triples, users };
