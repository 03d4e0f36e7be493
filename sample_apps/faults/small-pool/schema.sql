-- Orders, and whether they are paid.
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    buyer integer NOT NULL,
    cents integer NOT NULL,
    receipt text
);
