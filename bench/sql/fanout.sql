CREATE TABLE events (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO events SELECT i, '-' FROM generate_series(1, 64) i;
CREATE TABLE bulk (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO bulk SELECT i, '-' FROM generate_series(1, 128) i;
CREATE TABLE still (id int PRIMARY KEY, customer text NOT NULL, status text NOT NULL, total numeric(8, 2) NOT NULL);
INSERT INTO still SELECT i, 'customer ' || i, 'paid', i * 19.9 FROM generate_series(1, 40) i;
