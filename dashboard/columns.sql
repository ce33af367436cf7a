-- The columns of $1.$2 that this role may read, with their place in the
-- primary key.
SELECT c.relkind::text,
       CASE WHEN c.relkind IN ('v', 'f') OR c.reltuples < 0 AND c.relkind <> 'p' THEN -1
            WHEN c.relkind = 'p' THEN coalesce((
                SELECT pg_catalog.sum(greatest(l.reltuples, 0))
                FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid
                WHERE t.isleaf), -1)
            ELSE c.reltuples END::pg_catalog.int8,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')),
       EXISTS (SELECT FROM pg_catalog.pg_trigger g
               WHERE g.tgrelid = c.oid AND g.tgenabled IN ('O', 'A') AND NOT g.tgisinternal
                 AND g.tgfoid = pg_catalog.to_regproc('rowcast.ring')),
       a.attname::text,
       t.typname::text,
       coalesce(a.attnotnull, false),
       coalesce(pg_catalog.array_position(k.conkey, a.attnum), 0)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast')
ORDER BY a.attnum
