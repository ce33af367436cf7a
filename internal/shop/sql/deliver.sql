-- The parcel that has been on its way for longest arrives.
UPDATE shop.orders SET status = 'delivered', updated_at = now()
WHERE id = (
  SELECT id FROM shop.orders WHERE status = 'shipped' AND updated_at < now() - interval '10 minutes'
  ORDER BY updated_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
