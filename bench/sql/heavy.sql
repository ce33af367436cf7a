-- What is summed up, and a small table that is read beside it.
CREATE TABLE sums (id int PRIMARY KEY, region int NOT NULL, amount int NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO sums SELECT i, i % 20, i % 1000 FROM generate_series(1, 1000000) i;
CREATE TABLE newest (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO newest SELECT i, '-' FROM generate_series(1, 10000) i;
ANALYZE sums, newest;
