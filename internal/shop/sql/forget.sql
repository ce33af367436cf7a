-- Two weeks are enough for every page; a demo that runs for months stays small.
DELETE FROM shop.orders WHERE id IN (
  SELECT id FROM shop.orders WHERE placed_at < now() - interval '14 days' ORDER BY placed_at LIMIT 500
)
