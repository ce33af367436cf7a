-- When the shop sold last, until $1 and since $2, and its customers' countries in
-- their order; null where there are not the $3 customers and $4 products of the
-- beginning.
SELECT coalesce((SELECT max(placed_at) FROM shop.orders WHERE placed_at BETWEEN $2 AND $1), $2::timestamptz),
  (SELECT array_agg(country ORDER BY id) FROM shop.customers WHERE id BETWEEN 1 AND $3
    HAVING count(*) = $3 AND (SELECT count(*) FROM shop.products WHERE id BETWEEN 1 AND $4) = $4)
