-- One order with its lines and the stock that it takes; none when nothing of it
-- is in stock. $1 customer, $2 channel, $3 products, $4 quantities,
-- $5 details.
WITH wanted AS (
  SELECT product_id, quantity FROM unnest($3::integer[], $4::integer[]) AS w (product_id, quantity)
), locked AS MATERIALIZED ( -- in one order for everybody, so that nobody deadlocks
  SELECT id, price, stock FROM shop.products
  WHERE id = ANY ($3::integer[]) ORDER BY id FOR UPDATE
), taken AS (
  UPDATE shop.products p SET stock = p.stock - w.quantity
  FROM locked l JOIN wanted w ON w.product_id = l.id
  WHERE p.id = l.id AND l.stock >= w.quantity
  RETURNING p.id AS product_id, w.quantity, p.price
), placed AS (
  INSERT INTO shop.orders (customer_id, channel, country, items, total, gift, details)
  SELECT c.id, $2::text::shop.sales_channel, c.country, t.items, t.total, $5::jsonb ? 'gift', $5
  FROM shop.customers c, (SELECT sum(quantity) AS items, sum(quantity * price) AS total FROM taken) t
  WHERE c.id = $1 AND t.items > 0
  RETURNING id
), lines AS (
  INSERT INTO shop.order_lines (order_id, line, product_id, quantity, price)
  SELECT placed.id, row_number() OVER (ORDER BY t.product_id), t.product_id, t.quantity, t.price
  FROM placed, taken t
)
SELECT id FROM placed
