-- Events, and the seats taken.
CREATE TABLE events (id integer PRIMARY KEY, title text NOT NULL, taken integer NOT NULL);
CREATE TABLE seats (event integer NOT NULL REFERENCES events, buyer integer NOT NULL, number integer NOT NULL);
INSERT INTO events SELECT number, 'evening ' || number, 0 FROM generate_series(1, 500) AS number;
