-- Keys that lead away from $1, then those that lead to it. The latter are found by the triggers that guard it, as no index leads to
-- them. What PostgreSQL keeps for each partition besides its root is left out.
WITH keys AS (
  SELECT false AS inward, k.oid, k.conkey AS own, k.confkey AS theirs, k.confrelid AS other
  FROM pg_catalog.pg_constraint k
  WHERE k.conrelid = $1 AND k.contype = 'f'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
  UNION ALL
  SELECT true, k.oid, k.confkey, k.conkey, k.conrelid
  FROM pg_catalog.pg_constraint k
  WHERE k.oid IN (SELECT t.tgconstraint FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $1) AND k.contype = 'f' AND k.confrelid = $1
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid AND p.confrelid = k.confrelid)
)
SELECT k.inward, k.own,
  pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(r.relname) AS quoted,
  (SELECT pg_catalog.array_agg(a.attname::text ORDER BY u.at)
   FROM pg_catalog.unnest(k.theirs) WITH ORDINALITY u(attnum, at)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = u.attnum) AS columns
FROM keys k
JOIN pg_catalog.pg_class r ON r.oid = k.other
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rowcast')
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (
    SELECT FROM pg_catalog.unnest(k.theirs) u(attnum)
    WHERE NOT pg_catalog.has_column_privilege(r.oid, u.attnum, 'SELECT'))
ORDER BY k.inward, CASE WHEN k.inward THEN n.nspname || '.' || r.relname END, pg_catalog.cardinality(k.own), k.oid
