-- Meters, and what they showed.
CREATE TABLE readings (meter integer NOT NULL, hour smallint NOT NULL, value integer NOT NULL);
