// Votes, tallied by district. A ballot is what the scanner read.
"use strict";
const http = require("node:http");

const seed = Number(process.env.LOADLAB_SEED || "1");
const misread = 1800 + (seed * 7919) % 900;
const strict = process.env.CHECK === "yes";
const totals = new Map();
let scanned = 0;

function scan() {
  scanned += 1;
  // Now and then the scanner reads nothing.
  return scanned % misread === 0 ? undefined : { district: scanned % 40, votes: 1 + (scanned % 5) };
}

async function tally() {
  await new Promise((resolve) => setTimeout(resolve, 3));
  const ballot = scan();
  if (strict && ballot === undefined) return totals.size;
  totals.set(ballot.district, (totals.get(ballot.district) || 0) + ballot.votes);
  return totals.size;
}

http.createServer((request, response) => {
  if (request.url === "/up") return response.end("ok");
  tally().then((districts) => response.end(JSON.stringify({ districts })));
}).listen(Number(process.argv[2]), "127.0.0.1");
