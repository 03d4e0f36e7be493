CREATE TABLE umbrella (id bigserial PRIMARY KEY, shelf int NOT NULL, since timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON umbrella (shelf, id);
CREATE TABLE today (shelf int PRIMARY KEY, pieces bigint NOT NULL);
INSERT INTO umbrella (shelf) SELECT n % 30 FROM generate_series(1, 3000) n;
INSERT INTO today SELECT shelf, count(*) FROM umbrella GROUP BY shelf;
