CREATE TABLE person (id bigserial PRIMARY KEY, name text NOT NULL, town text NOT NULL);
INSERT INTO person (name, town)
SELECT (ARRAY['Maria', 'Ola', 'Petra', 'Jan', 'Ines', 'Tom'])[1 + i % 6] || ' '
       || (ARRAY['Lund', 'Berg', 'Sund', 'Holm', 'Dahl'])[1 + i % 5] || ' ' || i, 'Town ' || i % 999
FROM generate_series(1, 80000 + 10000 * (:LOADLAB_SEED % 4)) i;
CREATE INDEX person_name ON person (name);
ANALYZE person;
