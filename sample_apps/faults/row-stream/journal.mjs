// A journal of bookings, read row by row as from a database's cursor.

let state = Number(process.env.LOADLAB_SEED || "1");
const draw = (below) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state % below;
};
const ACCOUNTS = ["cash", "bank", "goods", "wages", "rent"];
const LINES = Array.from({ length: 500 + draw(400) }, (_, at) => [
  `2026-${String(1 + (at % 12)).padStart(2, "0")}-${String(1 + (at % 28)).padStart(2, "0")}`,
  ACCOUNTS[draw(5)], ACCOUNTS[draw(5)], `"${draw(9_000)},${draw(90) + 10}"`, `booking ${at}; by clerk ${draw(9)}`,
].join(";"));

export class Journal {
  #parsed = null;

  // The rows of one account. keep: remember what a line means instead of reading it anew.
  async *rows(account, keep) {
    for (const [at, line] of LINES.entries()) {
      const row = keep ? this.#kept(at) : Journal.parse(line);
      if (row.debit === account || row.credit === account) yield row;
    }
  }

  #kept(at) {
    this.#parsed ??= LINES.map((line) => Journal.parse(line));
    return this.#parsed[at];
  }

  static parse(line) {
    const fields = line.match(/"[^"]*"|[^;"]+/g);
    const [date, debit, credit, amount, text] = fields;
    const cents = Math.round(Number(amount.replace(/"/g, "").replace(",", ".")) * 100);
    return { date: new Date(`${date}T00:00:00Z`), debit, credit, cents, text: text.trim().toUpperCase() };
  }
}
