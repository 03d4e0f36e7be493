"use strict";
// Downloads for those who have a licence: GET /download?key=AB12-CD34
const http = require("node:http");

const { Licences } = require("./licence");

const draw = ((Number(process.env.LOADLAB_SEED || "1") * 7919) % 1000) / 1000;
process.env.LICENCE_ROUND_TRIP_S = String(0.015 + 0.02 * draw);
const later = process.env.CHECK_LATER === "yes";
const licences = new Licences();

async function download(key) {
  const good = later ? await licences.checkLater(key) : licences.check(key);
  return good ? [200, { file: "https://files.example/product.zip", key }] : [403, { error: "no such licence" }];
}

http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/health") return response.end("ok");
  const [status, body] = await download(url.searchParams.get("key") || "");
  response.writeHead(status, { "content-type": "application/json" });
  return response.end(JSON.stringify(body));
}).listen(Number(process.env.PORT), "127.0.0.1");
