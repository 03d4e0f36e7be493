-- A library's books.
CREATE TABLE books (id integer PRIMARY KEY, title text NOT NULL, copies integer NOT NULL);
INSERT INTO books SELECT number, 'book ' || number, 1 + number % 4 FROM generate_series(1, 20000) AS number;
