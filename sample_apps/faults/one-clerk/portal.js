"use strict";
// What citizens see of their case: GET /case/4711. The office is asked without blocking anything.
const http = require("node:http");

const agent = new http.Agent({ keepAlive: true });
const port = Number(process.env.OFFICE_PORT);

function ask(path) {
  return new Promise((resolve, reject) => {
    http.get({ host: "127.0.0.1", port, path, agent }, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      resolve(JSON.parse(Buffer.concat(parts).toString()));
    }).on("error", reject);
  });
}

http.createServer(async (request, response) => {
  if (request.url === "/health") return response.end("ok");
  const found = await ask(`/${encodeURIComponent(request.url.split("/").pop())}`);
  response.setHeader("content-type", "application/json");
  return response.end(JSON.stringify({ ...found, read: new Date().toISOString() }));
}).listen(Number(process.env.PORT), "127.0.0.1");
