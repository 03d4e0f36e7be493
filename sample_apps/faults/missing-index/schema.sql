-- Parcels of a carrier, and what is known of each.
CREATE TABLE parcels (
    id bigint PRIMARY KEY,
    customer integer NOT NULL,
    weight_g integer NOT NULL,
    depot text NOT NULL,
    sent timestamptz NOT NULL
);
INSERT INTO parcels
SELECT number,
       (number * 7919) % (6000 + 500 * (:LOADLAB_SEED % 7)),
       200 + (number * 31) % 20000,
       'depot ' || (number % 40),
       timestamptz '2026-01-01' + number * interval '7 seconds'
FROM generate_series(1, 110000 + 15000 * (:LOADLAB_SEED % 5)) AS number;
