SELECT a.attnum, a.attname, pg_catalog.quote_ident(a.attname) AS spelled, pg_catalog.format_type(a.atttypid, a.atttypmod), b.typname,
  pg_catalog.quote_ident(bn.nspname) || '.' || pg_catalog.quote_ident(b.typname) AS cast_to,
  b.typtype::text, b.typcategory::text,
  coalesce((
    SELECT pg_catalog.quote_ident(en.nspname) || '.' || pg_catalog.quote_ident(e.typname)
    FROM pg_catalog.pg_type e
    JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace
    WHERE e.typarray = b.oid AND (e.typtype = 'e' OR e.typname IN ('varchar', 'cidr') OR EXISTS (
      SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
      WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = e.oid))), '') AS element,
  EXISTS (
    SELECT FROM pg_catalog.pg_collation l WHERE l.oid = a.attcollation AND NOT l.collisdeterministic) AS loose,
  a.attnotnull,
  coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') AS preset,
  a.attidentity <> '' AS identity,
  coalesce((
    SELECT pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
    FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid), '{}') AS labels,
  CASE WHEN b.typtype <> 'c' AND b.typcategory <> 'A' THEN b.typtype IN ('e', 'r', 'm') OR b.typname IN ('varchar', 'cidr') OR EXISTS (
    SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
    WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = b.oid)
  ELSE NOT EXISTS ( -- every part of it, down to the last, has an order
    WITH RECURSIVE part(oid) AS (
      SELECT b.oid
      UNION
      SELECT inner_type.oid FROM part JOIN pg_catalog.pg_type p ON p.oid = part.oid, LATERAL (
        SELECT p.typbasetype AS oid WHERE p.typtype = 'd'
        UNION ALL SELECT p.typelem WHERE p.typcategory = 'A'
        UNION ALL SELECT f.atttypid FROM pg_catalog.pg_attribute f
          WHERE p.typtype = 'c' AND f.attrelid = p.typrelid AND f.attnum > 0 AND NOT f.attisdropped) AS inner_type)
    SELECT FROM part JOIN pg_catalog.pg_type p ON p.oid = part.oid
    WHERE p.typtype NOT IN ('d', 'c', 'e', 'r', 'm') AND p.typcategory <> 'A' AND p.typname NOT IN ('varchar', 'cidr') AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
      WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = p.oid)) END AS sortable
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype <> 'd' THEN t.oid ELSE (
    WITH RECURSIVE base(oid) AS (
      SELECT t.typbasetype
      UNION ALL
      SELECT u.typbasetype FROM base JOIN pg_catalog.pg_type u ON u.oid = base.oid WHERE u.typtype = 'd')
    SELECT base.oid FROM base JOIN pg_catalog.pg_type u ON u.oid = base.oid WHERE u.typtype <> 'd') END
JOIN pg_catalog.pg_namespace bn ON bn.oid = b.typnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
  AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attnum
