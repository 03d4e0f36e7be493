"use strict";
// Licences, as the vendor's command line tool judges them.

const { execFile, execFileSync } = require("node:child_process");
const path = require("node:path");
const { promisify } = require("node:util");

const TOOL = path.join(__dirname, "licence-tool.sh");

class Licences {
  // Whether a key is good. Throws where the tool fails.
  check(key) {
    const answer = execFileSync(TOOL, [key], { encoding: "utf8" });
    return answer.trim() === "valid";
  }

  async checkLater(key) {
    const { stdout } = await promisify(execFile)(TOOL, [key]);
    return stdout.trim() === "valid";
  }
}

module.exports = { Licences };
