CREATE TABLE more_sums (id int PRIMARY KEY, region int NOT NULL, amount int NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO more_sums SELECT i, i % 20, i % 1000 FROM generate_series(1, 10000000) i;
CREATE TABLE IF NOT EXISTS newest (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO newest SELECT i, '-' FROM generate_series(1, 10000) i ON CONFLICT DO NOTHING;
ANALYZE more_sums, newest;
