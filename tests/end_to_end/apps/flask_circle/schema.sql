CREATE TABLE books (id integer PRIMARY KEY, title text NOT NULL);
CREATE TABLE members (id integer PRIMARY KEY, name text NOT NULL, book integer NOT NULL REFERENCES books);
INSERT INTO books SELECT n, 'book ' || n FROM generate_series(1, 2000) AS n;
INSERT INTO members SELECT n, 'member ' || n, 1 + (n * 7919) % 2000 FROM generate_series(1, 35 + 4 * (:LOADLAB_SEED % 6)) AS n;
