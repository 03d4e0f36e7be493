CREATE EXTENSION pg_trgm;
CREATE INDEX person_parts ON person USING gin (upper(name) gin_trgm_ops);
ANALYZE person;
