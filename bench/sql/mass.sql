-- A hundred thousand rows to change at once, in a table that is watched and one that is not. The fifty that a page shows
-- are far above the others, which rise where those do not.
CREATE TABLE mass_watched (id int PRIMARY KEY, rank int NOT NULL, body text NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO mass_watched SELECT i, CASE WHEN i > 99950 THEN 1000000 ELSE 0 END + i, 'some text that a dashboard row would carry' FROM generate_series(1, 100000) i;
CREATE INDEX ON mass_watched (rank);
CREATE TABLE mass_plain (LIKE mass_watched INCLUDING ALL) WITH (autovacuum_enabled = off);
INSERT INTO mass_plain SELECT * FROM mass_watched;
