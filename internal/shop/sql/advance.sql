-- The next step of one of the open orders that have waited longest: $1 says
-- which of them. Pending orders may be cancelled instead: $2.
UPDATE shop.orders o
SET updated_at = now(), status = next.status, tracking = CASE next.status WHEN 'shipped' THEN gen_random_uuid() END
FROM (
  SELECT id, (CASE
    WHEN status = 'pending' AND $2 THEN 'cancelled'
    WHEN status = 'pending' THEN 'paid'
    WHEN status = 'paid' THEN 'packed'
    ELSE 'shipped' END)::shop.order_status AS status
  FROM shop.orders
  WHERE status IN ('pending', 'paid', 'packed') AND updated_at < now() - interval '3 seconds'
  ORDER BY updated_at, id OFFSET $1 LIMIT 1 FOR UPDATE SKIP LOCKED
) next
WHERE o.id = next.id
RETURNING o.id, o.status
