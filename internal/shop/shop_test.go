package shop_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/shop"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// open is a database with the shop in it.
func open(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t, pgtest.WithSetup("shop", func(url string) error {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		return errors.Join(shop.Create(ctx, conn), conn.Close(ctx))
	}))
}

func connector(db *pgtest.DB) func(context.Context) (*pgx.Conn, error) {
	return func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, db.URL) }
}

func TestCreate(t *testing.T) {
	t.Parallel()
	conn := open(t).Conn(t)
	for table, want := range map[string][2]int{
		"customers": {360, 360}, "products": {40, 50}, "orders": {50_000, 100_000}, "order_lines": {100_000, 300_000},
	} {
		if n := number(t, conn, "SELECT count(*) FROM shop."+table); n < want[0] || n > want[1] {
			t.Errorf("%s has %d rows, want %d to %d", table, n, want[0], want[1])
		}
	}
	for what, sql := range map[string]string{
		"orders whose total is not their lines'": `SELECT count(*) FROM shop.orders o
			JOIN (SELECT order_id, sum(quantity * price) AS total, sum(quantity) AS items FROM shop.order_lines GROUP BY 1) l ON l.order_id = o.id
			WHERE (o.total, o.items) IS DISTINCT FROM (l.total, l.items)`,
		"orders without lines":         `SELECT count(*) FROM shop.orders o WHERE NOT EXISTS (SELECT FROM shop.order_lines l WHERE l.order_id = o.id)`,
		"orders from the future":       `SELECT count(*) FROM shop.orders WHERE placed_at > now() OR updated_at > now() OR updated_at < placed_at`,
		"orders out of order":          `SELECT count(*) FROM (SELECT placed_at < lag(placed_at) OVER (ORDER BY id) AS back FROM shop.orders) o WHERE back`,
		"customers of another country": `SELECT count(*) FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id WHERE c.country <> o.country`,
	} {
		if n := number(t, conn, sql); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	if n := number(t, conn, `SELECT count(*) FROM shop.orders WHERE status IN ('pending', 'paid', 'packed')`); n < 5 || n > 300 {
		t.Errorf("%d open orders, want some", n)
	}
	before := number(t, conn, `SELECT count(*) FROM shop.orders`)
	if err := shop.Create(t.Context(), conn); err != nil {
		t.Fatalf("again: %v", err)
	}
	if after := number(t, conn, `SELECT count(*) FROM shop.orders`); after != before {
		t.Errorf("%d orders after the second Create, want %d", after, before)
	}
}

func TestCreateLeavesAForeignSchemaAlone(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE SCHEMA shop; CREATE TABLE shop.orders (id int)`)
	if err := shop.Create(t.Context(), db.Conn(t)); !errors.Is(err, shop.ErrForeign) {
		t.Errorf("%v, want ErrForeign", err)
	}
}

func TestInsertByHand(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.Exec(t, shop.InsertSQL)
	if n := number(t, db.Conn(t), `SELECT count(*) FROM shop.orders WHERE channel = 'phone' AND total = 42 AND status = 'pending' AND placed_at > now() - interval '1 minute'`); n != 1 {
		t.Errorf("%d such orders, want 1", n)
	}
}

func TestInsertOrder(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn := db.Conn(t)
	db.Exec(t, `UPDATE shop.products SET stock = stock + 1000`) // what is sold out has goods delivered, of whatever
	stock := number(t, conn, `SELECT sum(stock) FROM shop.products`)
	id, err := shop.NewSeller(shop.SellerConfig{Connect: connector(db)}).InsertOrder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	items := number(t, conn, `SELECT items FROM shop.orders WHERE id = $1`, id)
	if lines := number(t, conn, `SELECT sum(quantity) FROM shop.order_lines WHERE order_id = $1`, id); lines != items {
		t.Errorf("%d pieces in the lines, %d in the order", lines, items)
	}
	if left := number(t, conn, `SELECT sum(stock) FROM shop.products`); left != stock-items {
		t.Errorf("%d in stock after %d of %d were sold", left, items, stock)
	}
}

func TestSellerSells(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn := db.Conn(t)
	last := number(t, conn, `SELECT max(id) FROM shop.orders`)
	began := clock(t, conn)
	seller := shop.NewSeller(shop.SellerConfig{Connect: connector(db), Seed: 1})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- seller.Run(ctx) }()
	seller.SetRate(200) // it began paused, and hears of the change
	deadline := time.Now().Add(30 * time.Second)
	for {
		sold := number(t, conn, `SELECT count(*) FROM shop.orders o JOIN shop.order_lines l ON l.order_id = o.id AND l.line = 1 WHERE o.id > $1`, last)
		moved := number(t, conn, `SELECT count(*) FROM shop.orders WHERE id <= $1 AND updated_at > $2`, last, began)
		if sold >= 50 && moved >= 30 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sold and %d moved in 30 s", sold, moved)
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run ended with %v, want nil", err)
	}
	if n := number(t, conn, `SELECT count(*) FROM shop.orders o WHERE o.id > $1 AND o.total <> (SELECT sum(quantity * price) FROM shop.order_lines l WHERE l.order_id = o.id)`, last); n != 0 {
		t.Errorf("%d new orders whose total is not their lines'", n)
	}
}

func TestSellerComesBack(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn := db.Conn(t)
	seller := shop.NewSeller(shop.SellerConfig{Connect: connector(db), Rate: 100, Seed: 2})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- seller.Run(ctx) }()
	grow := func() {
		before := number(t, conn, `SELECT count(*) FROM shop.orders`)
		for deadline := time.Now().Add(20 * time.Second); number(t, conn, `SELECT count(*) FROM shop.orders`) < before+5; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nothing was sold in 20 s")
			}
		}
	}
	grow()
	if n := number(t, conn, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`); n != 1 {
		t.Errorf("%d sessions ended, want the seller's one", n)
	}
	grow()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestDashboardsRun holds that every panel of every dashboard shows something,
// and every variable offers something, as long as nothing was chosen.
func TestDashboardsRun(t *testing.T) {
	t.Parallel()
	conn := open(t).Conn(t)
	book, err := dashboard.Open(t.Context(), dashboard.Config{Source: shop.Dashboards()})
	if err != nil || len(book.Problems()) > 0 {
		t.Fatal(err, book.Problems())
	}
	for _, at := range []string{"/d/shop", "/d/operations", "/d/explore"} {
		page, err := book.Page(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if page.Title == "" || len(page.Panels) < 5 {
			t.Errorf("%s: %q with %d panels", at, page.Title, len(page.Panels))
		}
		for _, p := range page.Panels {
			if p.Type == "text" {
				continue
			}
			args := make([]any, len(p.Args))
			for i, a := range p.Args {
				if args[i] = nil; a != nil {
					args[i] = *a
				}
			}
			if n := number(t, conn, "SELECT count(*) FROM ("+p.SQL+") q", args...); n == 0 || p.Type == "stat" && p.Of == "" && n != 1 {
				t.Errorf("%s: panel %s has %d rows", at, p.ID, n)
			}
		}
	}
	files, err := fs.Glob(shop.Dashboards(), "*.yaml")
	if err != nil || len(files) != 3 {
		t.Errorf("%v, %v; want three files", files, err)
	}
}

func number(t *testing.T, conn *pgx.Conn, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%v in %.200s", err, sql)
	}
	return n
}

func clock(t *testing.T, conn *pgx.Conn) time.Time {
	t.Helper()
	var at time.Time
	if err := conn.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at
}
