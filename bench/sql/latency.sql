CREATE TABLE readings (id int PRIMARY KEY, sensor text NOT NULL, mark text NOT NULL);
INSERT INTO readings SELECT i, 'sensor ' || i, 'm000000' FROM generate_series(1, 20) i;
