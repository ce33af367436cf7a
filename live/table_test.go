package live_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
)

// TestAFilteredTableIsLive holds that a row that no longer fits the address
// leaves, and that one that now fits enters in its place in the order.
func TestAFilteredTableIsLive(t *testing.T) {
	b := start(t, `CREATE TYPE status AS ENUM ('new', 'paid');
		CREATE TABLE o (id int PRIMARY KEY, status status NOT NULL, note text, at timestamptz NOT NULL DEFAULT now());
		INSERT INTO o VALUES (1, 'paid', '100%'), (2, 'new', '100%'), (3, 'paid', '1000'), (4, 'paid', '5 of 100%')`)
	pool, err := pgxpool.New(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	book, err := dashboard.Open(t.Context(), dashboard.Config{DB: extended.Pool{Pool: pool}})
	if err != nil {
		t.Fatal(err)
	}
	def, err := book.Page(t.Context(), "/t/public.o?where=status.in.paid&where=note.has.100%25&search=100&sort=-id&columns=note&where=at.last.1h&where=id.isnt.9")
	if err != nil {
		t.Fatal(err)
	}
	v := b.view(def)
	keys := func() (all string) {
		for _, r := range v.state.Panels["rows"].Rows {
			all += r.Key
		}
		return all
	}
	shows := func(want string) {
		t.Helper()
		v.until(want, func() bool { return keys() == want })
	}
	shows(`["4"]["1"]`)
	if columns := v.state.Panels["rows"].Columns; len(columns) != 1 || columns[0].Name != "note" {
		t.Errorf("columns %+v", columns)
	}
	b.exec("UPDATE o SET status = 'paid' WHERE id = 2")
	shows(`["4"]["2"]["1"]`)
	b.exec("UPDATE o SET at = now() - interval '2 hours' WHERE id = 4")
	shows(`["2"]["1"]`)
	b.exec("INSERT INTO o VALUES (5, 'new', '100%'), (9, 'paid', '100%'), (7, 'paid', 'x 100% x')")
	shows(`["7"]["2"]["1"]`)
	b.exec("DELETE FROM o WHERE id = 2")
	shows(`["7"]["1"]`)
	if fault := v.fault("rows"); fault != "" {
		t.Errorf("the panel says %s", fault)
	}
}
