// The time of day, for a handful of clocks that ask now and then.
"use strict";
const http = require("node:http");

http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ now: new Date().toISOString() }));
}).listen(Number(process.argv[2]), "127.0.0.1");
