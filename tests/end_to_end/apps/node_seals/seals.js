// Seals letters: a key is drawn from each sender's phrase, asynchronously, as the documentation of crypto advises.
const crypto = require('crypto');
const http = require('http');

const COST = 2048 * (1 + (Number(process.env.LOADLAB_SEED || 1) % 2));

const seal = (phrase) =>
  new Promise((ok, no) => crypto.scrypt(phrase, 'wax', 32, { N: COST }, (e, key) => (e ? no(e) : ok(key))));

http
  .createServer(async (request, response) => {
    if (request.url === '/up') return response.end('ok');
    const key = await seal(`sender ${request.headers['x-sender'] || 'none'}`);
    response.end(key.toString('hex'));
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
