"use strict";
// The scale: a frame is the length of what follows (four bytes), then JSON. It answers with a frame.
const net = require("node:net");

const seed = Number(process.env.LOADLAB_SEED || "1");
const EMPTY_KG = 900 + (seed * 7919) % 600;

function frame(object) {
  const body = Buffer.from(JSON.stringify(object));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

net.createServer({ noDelay: true }, (socket) => {
  let came = Buffer.alloc(0);
  socket.on("data", (part) => {
    came = Buffer.concat([came, part]);
    while (came.length >= 4 && came.length >= 4 + came.readUInt32BE()) {
      const end = 4 + came.readUInt32BE();
      const { plate, axles } = JSON.parse(came.subarray(4, end).toString());
      came = came.subarray(end);
      socket.write(frame({ plate, kg: EMPTY_KG * axles }));
    }
  });
  socket.on("error", () => socket.destroy());
}).listen(Number(process.env.PORT), "127.0.0.1");
