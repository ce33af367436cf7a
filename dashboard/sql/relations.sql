WITH bell AS NOT MATERIALIZED (
  SELECT t.tgrelid AS relid FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace
  WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND f.proname = 'ring' AND fn.nspname = 'rowcast')
SELECT c.oid, n.nspname, c.relname,
  pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS quoted,
  c.relkind::text,
  pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')) AS readable,
  CASE c.relkind
    WHEN 'v' THEN -1
    WHEN 'p' THEN (
      WITH RECURSIVE tree(oid) AS (
        SELECT c.oid
        UNION ALL
        SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid)
      SELECT coalesce(sum(CASE WHEN l.reltuples > 0 THEN l.reltuples::int8 ELSE coalesce(nullif(pg_catalog.pg_stat_get_live_tuples(l.oid), 0), l.reltuples::int8) END)
                      FILTER (WHERE l.reltuples >= 0 OR pg_catalog.pg_stat_get_live_tuples(l.oid) > 0), -1)
      FROM tree JOIN pg_catalog.pg_class l ON l.oid = tree.oid WHERE l.relkind <> 'p')
    -- what ANALYZE counted: what sessions report of their writes may come after it, and then counts them twice
    ELSE CASE WHEN c.reltuples > 0 THEN c.reltuples::int8 ELSE coalesce(nullif(pg_catalog.pg_stat_get_live_tuples(c.oid), 0), c.reltuples::int8) END
  END::int8 AS rows_estimate,
  CASE c.relkind
    WHEN 'v' THEN (
      WITH RECURSIVE read(oid, kind) AS (
        SELECT c.oid, c.relkind
        UNION
        SELECT k.oid, k.relkind FROM read v
        JOIN pg_catalog.pg_rewrite r ON v.kind = 'v' AND r.ev_class = v.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        JOIN pg_catalog.pg_class k ON k.oid = d.refobjid AND k.relkind IN ('r', 'p', 'v', 'm', 'f'))
      SELECT coalesce(bool_and(EXISTS (SELECT FROM bell WHERE bell.relid = read.oid)), false) FROM read WHERE read.kind <> 'v')
    ELSE EXISTS (SELECT FROM bell WHERE bell.relid = c.oid)
  END AS live,
  (SELECT coalesce(pg_catalog.array_agg(f.name), '{}')
   FROM (
     SELECT a.attname::text AS name FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
     ORDER BY a.attnum LIMIT 17) f) AS columns
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rowcast')
