// Sums of an account: GET /sum?account=rent
import http from "node:http";

import { Journal } from "./journal.mjs";

const journal = new Journal();
const keep = process.env.KEEP === "yes";

async function sum(account) {
  let cents = 0;
  for await (const row of journal.rows(account, keep)) cents += row.debit === account ? row.cents : -row.cents;
  return { account, cents };
}

http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/health") return response.end("ok");
  response.setHeader("content-type", "application/json");
  return response.end(JSON.stringify(await sum(url.searchParams.get("account") ?? "cash")));
}).listen(Number(process.env.PORT), "127.0.0.1");
