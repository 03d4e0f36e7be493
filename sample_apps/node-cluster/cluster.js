"use strict";
// A primary that forks a worker per core and replaces those that die. The shop itself does not change.

const cluster = require("node:cluster");
const os = require("node:os");
const path = require("node:path");

const WORKERS = Number(process.env.WORKERS || os.availableParallelism());
const STARTUP_MS = 1000; // a worker that dies younger than this could not start
const MOST_FAILED_STARTS = 5;
let failedStarts = 0;
let stopping = false;

function fork() {
  const worker = cluster.fork();
  worker.born = Date.now();
  console.log(`worker ${worker.process.pid} forked`);
}

function replace(worker, code, signal) {
  const livedMs = Date.now() - worker.born;
  console.log(`worker ${worker.process.pid} died after ${livedMs} ms: ${signal ?? `exit code ${code}`}`);
  if (stopping) return;
  failedStarts = livedMs < STARTUP_MS ? failedStarts + 1 : 0;
  if (failedStarts >= MOST_FAILED_STARTS) {
    console.error(`${failedStarts} workers in a row could not start, giving up`);
    process.exit(3);
  }
  fork();
}

function stop() {
  stopping = true;
  for (const worker of Object.values(cluster.workers)) worker.kill("SIGTERM");
}

cluster.setupPrimary({ exec: path.join(__dirname, "..", "node", "server.js") });
cluster.on("exit", replace);
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
for (let i = 0; i < WORKERS; i += 1) fork();
