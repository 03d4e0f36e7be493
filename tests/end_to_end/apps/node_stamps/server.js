// Stamps: each request is noted in a file of its own.
"use strict";
const fs = require("node:fs/promises");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");

const seed = Number(process.env.LOADLAB_SEED || "1");
const holds = process.env.HOLDS !== "no";
const pause = 180 + (seed * 31) % 90;
let folder = "";
let number = 0;

async function stamp() {
  number += 1;
  const file = await fs.open(path.join(folder, String(number % 500)), "w");
  await file.write(`stamp ${number}\n`);
  if (!holds) return file.close();
  // Kept open for those who want it back soon.
  setTimeout(() => file.close(), pause);
}

const server = http.createServer((request, response) => {
  if (request.url === "/up") return response.end("ok");
  stamp().then(() => response.end("stamped"), (error) => {
    response.statusCode = 500;
    response.end(error.code);
  });
});

fs.mkdtemp(path.join(os.tmpdir(), "stamps-")).then((made) => {
  folder = made;
  process.on("SIGTERM", () => fs.rm(folder, { recursive: true, force: true }).then(() => process.exit(0)));
  server.listen(Number(process.argv[2]), "127.0.0.1");
});
