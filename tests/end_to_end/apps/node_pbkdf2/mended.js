// The same check, in the threads that Node has for it: the event loop goes on meanwhile.
"use strict";
const crypto = require("node:crypto");
const http = require("node:http");

const salt = Buffer.from("salt");
const rounds = 4000 + (Number(process.env.LOADLAB_SEED || "1") * 7919) % 3000;
const known = crypto.pbkdf2Sync("secret", salt, rounds, 32, "sha256");

http.createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  const given = new URL(request.url, "http://localhost").searchParams.get("password") || "";
  crypto.pbkdf2(given, salt, rounds, 32, "sha256", (error, hashed) => {
    const right = !error && crypto.timingSafeEqual(hashed, known);
    response.statusCode = right ? 200 : 403;
    response.end(JSON.stringify({ right }));
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
