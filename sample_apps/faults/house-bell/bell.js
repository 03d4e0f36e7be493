"use strict";
// A door that opens from afar: GET /open. The head of the answer leaves at once, so that the caller knows the bell
// rang; the rest when somebody has come to the door.
const http = require("node:http");

const seed = Number(process.env.LOADLAB_SEED || "1");
const COMES_MS = 41 + (seed * 7919) % 15;

http.createServer({ noDelay: false }, (request, response) => {
  const body = request.url === "/health" ? "ok" : JSON.stringify({ door: "open" });
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.flushHeaders();
  if (request.url === "/health") return response.end(body);
  return setTimeout(() => response.end(body), COMES_MS);
}).listen(Number(process.env.PORT), "127.0.0.1");
