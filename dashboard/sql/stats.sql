SELECT s.attname::text, s.n_distinct::float8, s.null_frac::float8
FROM pg_catalog.pg_stats s
WHERE s.schemaname = $1 AND s.tablename = $2
ORDER BY s.inherited
