// The same league tables: no match is played while they are served, so they are sorted and signed once.
"use strict";
const crypto = require("node:crypto");
const http = require("node:http");

let state = Number(process.env.LOADLAB_SEED || "1");
const draw = (below) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state % below;
};

const matches = Array.from({ length: 2500 + draw(1500) }, () => ({
  home: draw(40), away: draw(40), goals: [draw(6), draw(5)], season: 1990 + draw(30),
}));

function table(season) {
  const teams = new Map();
  for (const { home, away, goals, ...match } of matches) {
    if (season && match.season !== season) continue;
    for (const [team, scored, lost] of [[home, goals[0], goals[1]], [away, goals[1], goals[0]]]) {
      const row = teams.get(team) || { team: `Team ${team}`, played: 0, points: 0, difference: 0 };
      row.played += 1;
      row.points += scored > lost ? 3 : scored === lost ? 1 : 0;
      row.difference += scored - lost;
      teams.set(team, row);
    }
  }
  return [...teams.values()].sort((a, b) => b.points - a.points || b.difference - a.difference || a.team.localeCompare(b.team));
}

const body = JSON.stringify(table(0));
const etag = crypto.createHash("sha256").update(body).digest("hex");

http.createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  response.setHeader("content-type", "application/json");
  response.setHeader("etag", etag);
  response.end(body);
}).listen(Number(process.argv[2]), "127.0.0.1");
