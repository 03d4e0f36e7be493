-- An archive: papers, and the words they are found by.
CREATE TABLE papers (id integer PRIMARY KEY, title text NOT NULL, year integer NOT NULL);
CREATE TABLE words (word text NOT NULL, paper integer NOT NULL, PRIMARY KEY (word, paper));
INSERT INTO papers
SELECT number, 'paper ' || number, 1850 + (number * 31) % (150 + :LOADLAB_SEED % 20)
FROM generate_series(1, 30000) AS number;
INSERT INTO words
SELECT 'word' || (number * 7919 + number / 30000) % 2000, 1 + number % 30000 FROM generate_series(1, 90000) AS number;
