-- Every relation that could be meant, with what this role may do to it and the triggers it carries.
SELECT c.oid,
       n.nspname::text,
       c.relname::text,
       c.relkind::text,
       pg_catalog.pg_table_is_visible(c.oid),
       pg_catalog.has_table_privilege(c.oid, 'TRIGGER'),
       pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       pg_catalog.pg_get_userbyid(c.relowner)::text,
       EXISTS (SELECT FROM pg_catalog.pg_subscription_rel AS s WHERE s.srrelid = c.oid),
       COALESCE(bell.tgenabled::text, ''),
       COALESCE(bell.tgtype, 0::int2),
       COALESCE(bell.tgfoid = $1::oid AND bell.tgqual IS NULL, false),
       COALESCE(pg_catalog.split_part(pg_catalog.encode(bell.tgargs, 'escape'), '\000', 1), ''),
       COALESCE(replica.tgenabled::text, ''),
       COALESCE(replica.tgtype, 0::int2),
       COALESCE(replica.tgfoid = $1::oid AND replica.tgqual IS NULL, false),
       COALESCE(pg_catalog.split_part(pg_catalog.encode(replica.tgargs, 'escape'), '\000', 1), '')
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_trigger AS bell
       ON bell.tgrelid = c.oid AND bell.tgname = 'rowcast_bell' AND NOT bell.tgisinternal
LEFT JOIN pg_catalog.pg_trigger AS replica
       ON replica.tgrelid = c.oid AND replica.tgname = 'rowcast_bell_replica' AND NOT replica.tgisinternal
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'rowcast')
ORDER BY n.nspname, c.relname
