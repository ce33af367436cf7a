-- A delivery for the product that is shortest of stock, once it is really short.
UPDATE shop.products SET stock = stock + reorder_at * 3
WHERE id = (
  SELECT id FROM shop.products WHERE stock * 5 < reorder_at
  ORDER BY stock::float8 / reorder_at, id LIMIT 1
)
