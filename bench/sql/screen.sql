CREATE TABLE wide (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, c int NOT NULL, d int NOT NULL, e text NOT NULL, f text NOT NULL, g numeric(10, 2) NOT NULL);
INSERT INTO wide SELECT i, i, i * 7, i * 11, 0, 'customer ' || i, 'a longer text that a row may carry, ' || i, i * 19.9 FROM generate_series(1, 1000) i;
-- Eight times three lines of six hundred points, which move on by one a frame.
CREATE TABLE points (chart int, at timestamptz, a float8, b float8, c float8, PRIMARY KEY (chart, at));
INSERT INTO points SELECT chart, '2026-01-01'::timestamptz + i * interval '1 s', sin(i / 20.0) + chart, cos(i / 30.0), sin(i / 40.0) * 2
FROM generate_series(1, 8) chart, generate_series(1, 600) i;
