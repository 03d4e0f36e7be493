// A village's gazette. GET /issue: this week's notices, set once when the service starts.
import http from "node:http";

let state = Number(process.env.LOADLAB_SEED || "1");
const draw = (below) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * below);
};
const WORDS = ["barn", "bell", "boat", "bridge", "choir", "dance", "fair", "goat", "hay", "kiln", "lamb", "mill", "oak", "pond", "reed", "well"];
const NOTICES = Array.from({ length: 700 + draw(500) }, (_, number) => ({
  number,
  day: `2026-11-${String(1 + draw(28)).padStart(2, "0")}`,
  text: Array.from({ length: 12 + draw(12) }, () => WORDS[draw(WORDS.length)]).join(" "),
  cents: draw(90_000),
}));
const ISSUE = Buffer.from(JSON.stringify({ notices: NOTICES }));

http.createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  response.setHeader("content-type", "application/json");
  return response.end(ISSUE);
}).listen(Number(process.env.PORT), "127.0.0.1");
