-- Every table, view, materialized view and foreign table that this role may
-- read, partitions left to their roots; how many rows the planner believes in,
-- whether the bell is on it, and its first columns.
SELECT n.nspname, c.relname, c.relkind::text,
       CASE WHEN c.relkind IN ('v', 'f') OR c.reltuples < 0 AND c.relkind <> 'p' THEN -1
            WHEN c.relkind = 'p' THEN coalesce((
                SELECT pg_catalog.sum(greatest(l.reltuples, 0))
                FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid
                WHERE t.isleaf), -1)
            ELSE c.reltuples END::pg_catalog.int8,
       EXISTS (SELECT FROM pg_catalog.pg_trigger g
               WHERE g.tgrelid = c.oid AND g.tgenabled IN ('O', 'A') AND NOT g.tgisinternal
                 AND g.tgfoid = pg_catalog.to_regproc('rowcast.ring')),
       (SELECT coalesce(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), '{}')
        FROM (SELECT attname, attnum FROM pg_catalog.pg_attribute
              WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum LIMIT 8) a)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast') AND n.nspname !~ '^pg_(toast|temp)'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY n.nspname, c.relname
LIMIT 10000
