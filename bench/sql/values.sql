-- A hundred purchases of each of a thousand customers; the last thousand are one of each.
CREATE TABLE purchases (id int PRIMARY KEY, customer int NOT NULL, total int NOT NULL, note text NOT NULL);
INSERT INTO purchases SELECT i, (i - 1) % 1000 + 1, 0, 'some text that a dashboard row would carry' FROM generate_series(1, 100000) i;
CREATE INDEX ON purchases (customer, id DESC);
ANALYZE purchases;
