-- The shop's tables, with customers and what they bought so far. psql's variables: `users`, how many customers; `first` and
-- `last`, the initials of those kept here; `popular`, 1 where nine of ten names begin with A to M.
CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, country text NOT NULL, tier text NOT NULL);
CREATE TABLE orders (id text PRIMARY KEY, buyer integer NOT NULL, placed timestamptz NOT NULL DEFAULT now());
CREATE TABLE lines ("of" text NOT NULL, product integer NOT NULL, quantity integer NOT NULL, gross_cents integer NOT NULL);
CREATE TABLE payments (id text NOT NULL, "order" text PRIMARY KEY, amount_cents integer NOT NULL);

INSERT INTO users
SELECT number, initial || '. user' || number,
       (ARRAY['DE', 'AT', 'FR', 'DK', 'CH'])[1 + number % 5], (ARRAY['guest', 'member', 'member', 'gold'])[1 + number % 4]
FROM generate_series(1, :users) AS number,
     -- As initial() in seed.py has it.
     LATERAL (SELECT chr(65 + CASE WHEN :popular = 0 THEN number * 7 % 26
                                   WHEN number % 10 = 0 THEN 13 + number / 10 % 13
                                   ELSE number % 13 END)) AS letters (initial)
WHERE initial BETWEEN :'first' AND :'last';

INSERT INTO orders
SELECT users.id || '-' || number, users.id, timestamptz '2026-01-01' + number * interval '9 hours'
FROM users, generate_series(1, 100) AS number;

INSERT INTO lines
SELECT orders.id, 1 + (orders.buyer * 31 + length(orders.id) + line * 17 + random() * 50)::integer % 200, 1 + line % 3,
       500 + line * 100
FROM orders, generate_series(1, 4) AS line;

CREATE INDEX orders_by_buyer ON orders (buyer);
CREATE INDEX lines_by_order ON lines ("of");
