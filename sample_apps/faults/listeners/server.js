"use strict";
// Prices that change all day: an answer under way follows them.
const { EventEmitter } = require("node:events");
const http = require("node:http");

const seed = Number(process.env.LOADLAB_SEED || "1");
const market = new EventEmitter().setMaxListeners(0);
const PRICES = new Map([["tin", 28.4], ["zinc", 2.7], ["lead", 2.1]]);
const HISTORY = 150 + (seed * 7919) % 200;
const tidy = process.env.TIDY === "yes";

function quote(metal) {
  const history = Array.from({ length: HISTORY }, (_, day) => ({ day, price: PRICES.get(metal) * (1 + day / 1000) }));
  const answer = { metal, price: PRICES.get(metal), high: history[history.length - 1].price };
  const changed = (price) => {
    history.push({ day: history.length, price });
    answer.price = price;
  };
  market.on("price", changed);
  return { answer, done: () => market.off("price", changed) };
}

http.createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/health") return response.end("ok");
  const { answer, done } = quote(url.searchParams.get("metal") || "tin");
  setTimeout(() => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer));
    if (tidy) done();
  }, 2);
}).listen(Number(process.env.PORT), "127.0.0.1");
