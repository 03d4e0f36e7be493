-- A magazine: its articles and who wrote them.
CREATE TABLE authors (id integer PRIMARY KEY, name text NOT NULL, bio text NOT NULL);
CREATE TABLE articles (
    id integer PRIMARY KEY,
    author integer NOT NULL REFERENCES authors,
    title text NOT NULL,
    published timestamptz NOT NULL
);
INSERT INTO authors
SELECT number, 'author ' || number, repeat('writes about hills. ', 5) FROM generate_series(1, 400) AS number;
INSERT INTO articles
SELECT number, 1 + (number * 7919) % 400, 'article ' || number, timestamptz '2026-01-01' + number * interval '3 minutes'
FROM generate_series(1, 20000) AS number;
CREATE INDEX articles_by_time ON articles (published DESC);
