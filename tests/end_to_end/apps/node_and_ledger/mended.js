// The same statements: a page is laid out once and kept, as nothing is booked meanwhile.
"use strict";
const http = require("node:http");

const seed = Number(process.env.LOADLAB_SEED || "1");
const rows = 1500 + (seed * 7919) % 600;
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function layOut(account) {
  const lines = [];
  for (let row = 0; row < rows; row += 1) lines.push(`${account}-${row}`.padStart(24, ".") + (row * 7919 % 10007).toString(36));
  return lines.sort().join("\n").length;
}

const kept = new Map();

function laidOut(account) {
  if (!kept.has(account)) kept.set(account, layOut(account));
  return kept.get(account);
}

function enter(size) {
  return new Promise((resolve) => {
    const call = http.get({ agent, host: "127.0.0.1", port: process.env.LEDGER_PORT, path: `/enter?size=${size}` }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode === 200));
    });
    call.on("error", () => resolve(false));
  });
}

http.createServer(async (request, response) => {
  if (request.url === "/up") return response.end("ok");
  const entered = await enter(laidOut(seed));
  response.statusCode = entered ? 200 : 502;
  response.end(entered ? "entered" : "the ledger is closed");
}).listen(Number(process.argv[2]), "127.0.0.1");
