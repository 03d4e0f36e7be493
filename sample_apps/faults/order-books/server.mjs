// The order books of an exchange: takes in a batch of them, keeps the last ones, and says how prices lie.
import { createServer } from "node:http";

const seed = Number(process.env.LOADLAB_SEED ?? 1);
const batch = 200 + ((seed * 79) % 200);
const kept = 40_000 + ((seed * 10_473) % 40_000);
const levels = 5;
const row = 2 + 4 * levels;

// The last books, the oldest overwritten by the newest: objects, or a row of numbers each.
class Tape {
  #books = [];
  #numbers = null;
  #moment = 0;
  #price = 100;

  constructor(numbers) {
    if (numbers) this.#numbers = new Float64Array(kept * row);
  }

  take(count) {
    let lowest = Infinity;
    let highest = -Infinity;
    for (let i = 0; i < count; i++) {
      const moment = this.#moment++;
      const price = (this.#price = Math.max(10, this.#price + Math.random() - 0.5));
      if (this.#numbers) this.#write(moment, i % 300, price);
      else this.#keep(moment, i % 300, price);
      lowest = Math.min(lowest, price);
      highest = Math.max(highest, price);
    }
    return { lowest, highest, taken: this.#moment };
  }

  #keep(moment, instrument, price) {
    const bids = [];
    const asks = [];
    for (let level = 0; level < levels; level++) {
      bids.push({ price: price - level, pieces: instrument + level });
      asks.push({ price: price + level, pieces: instrument - level });
    }
    this.#books[moment % kept] = { moment, instrument, bids, asks };
  }

  #write(moment, instrument, price) {
    let at = (moment % kept) * row;
    this.#numbers[at++] = moment;
    this.#numbers[at++] = instrument;
    for (let level = 0; level < levels; level++) {
      this.#numbers[at++] = price - level;
      this.#numbers[at++] = instrument + level;
      this.#numbers[at++] = price + level;
      this.#numbers[at++] = instrument - level;
    }
  }
}

const tape = new Tape(process.env.KEEP === "numbers");

function answer(request, response) {
  if (request.url === "/health") return response.end("ok");
  response.setHeader("content-type", "application/json");
  return response.end(JSON.stringify(tape.take(batch)));
}

createServer(answer).listen(Number(process.env.PORT), "127.0.0.1");
