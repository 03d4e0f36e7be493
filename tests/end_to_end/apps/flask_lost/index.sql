CREATE INDEX ON things (line);
