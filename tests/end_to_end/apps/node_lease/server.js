// Rents, worked out for a number of months.
"use strict";
const http = require("node:http");

const months = 60 + (Number(process.env.LOADLAB_SEED || "1") * 37) % 60;

function plan(rent) {
  const rows = [];
  for (let month = 0; month < months; month += 1) {
    rows.push({ month, due: Math.round(rent * 1.002 ** month * 100) / 100 });
  }
  return rows;
}

http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(request.url === "/up" ? "{}" : JSON.stringify(plan(700)));
}).listen(Number(process.argv[2]), "127.0.0.1");
