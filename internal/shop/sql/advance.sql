-- The next step of one of the open orders that have waited longest: $1 says
-- which of them. Pending orders may be cancelled instead: $2.
UPDATE shop.orders o
SET updated_at = now(), status = CASE
  WHEN o.status = 'pending' AND $2 THEN 'cancelled'
  WHEN o.status = 'pending' THEN 'paid'
  WHEN o.status = 'paid' THEN 'packed'
  ELSE 'shipped' END
FROM (
  SELECT id FROM shop.orders
  WHERE status IN ('pending', 'paid', 'packed') AND updated_at < now() - interval '3 seconds'
  ORDER BY updated_at, id OFFSET $1 LIMIT 1 FOR UPDATE SKIP LOCKED
) next
WHERE o.id = next.id
RETURNING o.id, o.status
