SELECT k.conkey,
  pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(r.relname) AS quoted,
  (SELECT pg_catalog.array_agg(a.attname::text ORDER BY u.at)
   FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(attnum, at)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = u.attnum) AS columns
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE k.conrelid = $1 AND k.contype = 'f'
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rowcast')
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (
    SELECT FROM pg_catalog.unnest(k.confkey) u(attnum)
    WHERE NOT pg_catalog.has_column_privilege(r.oid, u.attnum, 'SELECT'))
ORDER BY pg_catalog.cardinality(k.conkey), k.oid
