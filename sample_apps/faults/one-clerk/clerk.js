"use strict";
// The registry office: so many clerks, each of whom looks at one case at a time.
const http = require("node:http");

const seed = Number(process.env.LOADLAB_SEED || "1");
const TAKES_MS = 8 + (seed * 7919) % 12;
let free = Number(process.env.CLERKS || "1");
const waiting = [];

function next() {
  if (!free || !waiting.length) return;
  free -= 1;
  const done = waiting.shift();
  setTimeout(() => {
    free += 1;
    done();
    next();
  }, TAKES_MS);
}

http.createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  waiting.push(() => response.end(JSON.stringify({ case: request.url.slice(1), state: "filed" })));
  return next();
}).listen(Number(process.env.PORT), "127.0.0.1");
