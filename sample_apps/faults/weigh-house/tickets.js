"use strict";
// Tickets of a weigh-house: GET /ticket/B-42. The scale speaks frames over TCP; connections to it are used again.
const http = require("node:http");
const net = require("node:net");

const port = Number(process.env.SCALE_PORT);
const WHOLE = process.env.FRAME === "whole";
const idle = [];

function send(socket, object) {
  const body = Buffer.from(JSON.stringify(object));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  if (WHOLE) {
    socket.write(Buffer.concat([length, body]));
  } else {
    socket.write(length);
    socket.write(body);
  }
}

function weigh(question) {
  return new Promise((resolve, reject) => {
    const socket = idle.pop() || net.connect(port, "127.0.0.1");
    let came = Buffer.alloc(0);
    socket.removeAllListeners();
    socket.on("error", reject);
    socket.on("data", (part) => {
      came = Buffer.concat([came, part]);
      if (came.length < 4 || came.length < 4 + came.readUInt32BE()) return;
      idle.push(socket);
      resolve(JSON.parse(came.subarray(4).toString()));
    });
    send(socket, question);
  });
}

http.createServer(async (request, response) => {
  if (request.url === "/health") return response.end("ok");
  const plate = decodeURIComponent(request.url.split("/").pop());
  try {
    const { kg } = await weigh({ plate, axles: 2 + plate.length % 4, at: new Date().toISOString() });
    response.setHeader("content-type", "application/json");
    return response.end(JSON.stringify({ plate, kg }));
  } catch (error) {
    response.statusCode = 502;
    return response.end(String(error));
  }
}).listen(Number(process.env.PORT), "127.0.0.1");
