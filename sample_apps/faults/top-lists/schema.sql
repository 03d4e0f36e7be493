-- A radio's songs, and how often each was asked for on each day.
CREATE TABLE wishes (station integer NOT NULL, day integer NOT NULL, song integer NOT NULL, times integer NOT NULL);
INSERT INTO wishes
SELECT number % 200, number / 20000, (number * 7919) % 3000, 1 + number % 9
FROM generate_series(1, 250000 + 20000 * (:LOADLAB_SEED % 4)) AS number;
CREATE INDEX wishes_by_station ON wishes (station, day);
