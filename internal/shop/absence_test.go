package shop

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// standing is a shop that was opened at noon, and what asks it for a number.
func standing(t *testing.T) (conn *pgx.Conn, noon time.Time, number func(sql string, args ...any) int) {
	t.Helper()
	conn, noon = pgtest.New(t).Conn(t), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	if err := create(t.Context(), conn, 1, noon); err != nil {
		t.Fatal(err)
	}
	return conn, noon, func(sql string, args ...any) (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
			t.Fatalf("%v in %s", err, sql)
		}
		return n
	}
}

// A shop that stood still for a day and a half has sold in each hour of it, and goes on
// from there.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	conn, noon, number := standing(t)
	r := rand.New(rand.NewPCG(1, 2))
	orders := func(now time.Time) int {
		t.Helper()
		if err := catchUp(t.Context(), conn, r, now); err != nil {
			t.Fatal(err)
		}
		return number(`SELECT count(*) FROM shop.orders`)
	}
	before := number(`SELECT count(*) FROM shop.orders`)
	if n := orders(noon.Add(absence / 2)); n != before {
		t.Errorf("%d orders more in a shop that is open", n-before)
	}
	now := noon.Add(36 * time.Hour)
	after := orders(now)
	if n := after - before; n < 10_000 || n > 25_000 {
		t.Errorf("%d orders in 36 hours", n)
	}
	if n := orders(now.Add(time.Minute)); n != after {
		t.Errorf("%d orders when it had caught up", n-after)
	}
	if n := number(`SELECT count(DISTINCT date_trunc('hour', placed_at)) FROM shop.orders WHERE placed_at >= $1 AND placed_at < $2`, noon, now); n != 36 {
		t.Errorf("orders in %d of 36 hours", n)
	}
	open := `SELECT count(*) FROM shop.orders WHERE status IN ('pending', 'paid', 'packed')`
	if n := number(open+` AND placed_at < $1`, noon); n != 0 {
		t.Errorf("%d open orders from before", n)
	}
	if n := number(open); n < 2 || n > 300 {
		t.Errorf("%d open orders, want some", n)
	}
	if n := number(`SELECT count(*) FROM shop.orders WHERE updated_at < placed_at OR updated_at > $1`, now); n != 0 {
		t.Errorf("%d orders that moved before they came, or will", n)
	}
	if n := number(`SELECT count(*) FROM shop.orders o WHERE total <> (SELECT sum(quantity * price) FROM shop.order_lines l WHERE l.order_id = o.id)`); n != 0 {
		t.Errorf("%d orders whose total is not their lines'", n)
	}
	if next, last := number(`INSERT INTO shop.orders (customer_id, total) VALUES (1, 42) RETURNING id`), number(`SELECT max(order_id) FROM shop.order_lines`); next != last+1 {
		t.Errorf("number %d after %d", next, last)
	}
}

// Whoever takes customers away has a shop that starts all the same.
func TestCatchUpLeavesAShopThatIsAnotherAlone(t *testing.T) {
	t.Parallel()
	conn, noon, number := standing(t)
	if _, err := conn.Exec(t.Context(), `DELETE FROM shop.orders WHERE customer_id = 7`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `DELETE FROM shop.customers WHERE id = 7`); err != nil {
		t.Fatal(err)
	}
	before := number(`SELECT count(*) FROM shop.orders`)
	if err := catchUp(t.Context(), conn, rand.New(rand.NewPCG(1, 2)), noon.AddDate(0, 0, 1)); err != nil {
		t.Error(err)
	}
	if n := number(`SELECT count(*) FROM shop.orders`); n != before {
		t.Errorf("%d orders more", n-before)
	}
}
