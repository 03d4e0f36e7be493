// Where the fire brigades of a valley are. GET /brigades: the nearest ones first.
const http = require("node:http");

let state = Number(process.env.LOADLAB_SEED || "1");
const draw = (below) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * below);
};
const BRIGADES = Array.from({ length: 2500 + draw(800) }, (_, number) => ({
  name: `brigade ${number}`, x: draw(10_000), y: draw(10_000), ladders: draw(4),
}));
const ROOM = Number(process.env.ROOM);

const far = (brigade, x, y) => Math.hypot(brigade.x - x, brigade.y - y);

function nearest(x, y) {
  return BRIGADES.map((each) => ({ ...each, far: far(each, x, y) })).sort((a, b) => a.far - b.far).slice(0, 12);
}

const server = http.createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  response.setHeader("content-type", "application/json");
  response.setHeader("connection", "close");
  return response.end(JSON.stringify(nearest(draw(10_000), draw(10_000))));
});
server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: ROOM || 5 + draw(6) });
