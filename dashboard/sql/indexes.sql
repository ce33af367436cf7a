SELECT i.indkey::text, i.indnkeyatts, i.indisprimary, i.indisunique
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE i.indrelid = $1 AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree'
ORDER BY i.indisprimary DESC, i.indisunique DESC, i.indnatts, i.indexrelid
