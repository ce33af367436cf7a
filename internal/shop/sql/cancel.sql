-- What a cancelled order had taken goes back on the shelf.
UPDATE shop.products p SET stock = p.stock + l.quantity
FROM (
  SELECT product_id, sum(quantity) AS quantity FROM shop.order_lines WHERE order_id = $1 GROUP BY product_id
) l
WHERE p.id = l.product_id
