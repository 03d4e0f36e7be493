CREATE TABLE things (id integer PRIMARY KEY, line integer NOT NULL, what text NOT NULL, found timestamptz NOT NULL);
INSERT INTO things
SELECT n, (n * 7919) % 3000, 'thing ' || (n % 90), timestamptz '2026-02-01' + n * interval '11 seconds'
FROM generate_series(1, 60000 + 9000 * (:LOADLAB_SEED % 4)) AS n;
