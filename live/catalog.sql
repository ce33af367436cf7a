-- The relations named by $1 and the partition and inheritance trees around
-- them: oid, quoted name, kind, whether this role may lock it, the bell of its
-- enabled trigger (after each statement that inserts, updates, deletes or
-- truncates), its parents. The last column changes when its definition does: its
-- columns, their enums' labels, its keys and references, what a view reads.
WITH RECURSIVE up AS (
    SELECT unnest AS oid FROM pg_catalog.unnest($1::pg_catalog.oid[])
    UNION
    SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid
), tree AS (
    SELECT oid FROM up
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
)
SELECT c.oid,
       pg_catalog.format('%I.%I', n.nspname, c.relname),
       c.relkind,
       c.oid >= 16384 AND c.relkind IN ('r', 'p')
           AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       (SELECT pg_catalog.min(pg_catalog.split_part(pg_catalog.encode(t.tgargs, 'escape'), '\000', 1))
        FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
          AND t.tgtype & 127 = 60 AND t.tgqual IS NULL AND t.tgfoid = pg_catalog.to_regproc('rowcast.ring')),
       (SELECT pg_catalog.array_agg(i.inhparent ORDER BY i.inhseqno)
        FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
       c.relnatts || coalesce((SELECT pg_catalog.string_agg(r.xmin::text, ',')
        FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid), '')
       || CASE WHEN c.oid < 16384 OR c.relispartition THEN '' ELSE ':' -- partitions are as their root
           || coalesce((SELECT pg_catalog.string_agg(a.xmin::text || CASE WHEN a.atttypid < 16384 THEN '' ELSE coalesce((
                 SELECT '.' || pg_catalog.string_agg(e.xmin::text || e.enumlabel, '.' ORDER BY e.oid)
                 FROM pg_catalog.pg_enum e WHERE e.enumtypid = a.atttypid), '') END, ',' ORDER BY a.attnum)
               FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0), '') || ':'
           || coalesce((SELECT pg_catalog.string_agg(k.oid::text, ',' ORDER BY k.oid)
               FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('f', 'p', 'u')), '') END
FROM tree
JOIN pg_catalog.pg_class c ON c.oid = tree.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY c.oid
