package live_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/live"
)

// TestAnAlteredTableReloadsItsViewers holds that a table's page that is open
// when its columns change is loaded anew, and one that does not change is not.
func TestAnAlteredTableReloadsItsViewers(t *testing.T) {
	var book *dashboard.Book
	b := start(t, `CREATE TYPE mood AS ENUM ('sad');
		CREATE TABLE o1 (id int PRIMARY KEY, a text, m mood); CREATE TABLE o2 (LIKE o1 INCLUDING ALL); CREATE TABLE o3 (LIKE o1 INCLUDING ALL);
		CREATE TABLE o4 (id int, a text); CREATE TABLE o5 (id int PRIMARY KEY, a text); CREATE TABLE o6 (id int PRIMARY KEY, a text);
		CREATE TABLE o7 (id int PRIMARY KEY, a text); CREATE TABLE o8 (id int PRIMARY KEY, a text)`,
		func(c *live.Config) {
			c.Define = func(ctx context.Context, address string) (*dashboard.Page, error) { return book.Page(ctx, address) }
		})
	pool, err := pgxpool.New(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if book, err = dashboard.Open(t.Context(), dashboard.Config{DB: extended.Pool{Pool: pool}}); err != nil {
		t.Fatal(err)
	}
	alter := map[string]string{
		"/t/public.o1":             "ALTER TABLE o1 ADD COLUMN b int",
		"/t/public.o2":             "ALTER TABLE o2 DROP COLUMN a",
		"/t/public.o3?columns=id":  "ALTER TYPE mood ADD VALUE 'ok'",
		"/t/public.o4":             "ALTER TABLE o4 ADD PRIMARY KEY (id)",
		"/t/public.o5?columns=a":   "ALTER TABLE o5 RENAME COLUMN a TO b",
		"/t/public.o6?columns=id":  "ALTER TABLE o6 ALTER COLUMN a TYPE int USING 1",
		"/t/public.o7":             "CREATE INDEX ON o7 (a)",
		"/t/public.o8?where=a.is.": "ALTER TABLE o8 ALTER COLUMN a SET STATISTICS 10", // of which no page tells
	}
	still := []string{"/t/public.o7", "/t/public.o8?where=a.is."}
	viewers := map[string]*viewer{}
	for address := range alter {
		def, err := book.Page(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		viewers[address] = b.view(def)
		viewers[address].until("it is live", func() bool { return viewers[address].is("live") })
	}
	for _, sql := range alter {
		b.exec(sql)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for address, v := range viewers {
		if !slices.Contains(still, address) && !v.reloaded(ctx) {
			t.Errorf("%s is still what it was", address)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, address := range still {
		if viewers[address].reloaded(short) {
			t.Errorf("%s was loaded anew", address)
		}
	}
}

// reloaded reads to the end of the page, and tells whether that was a reload.
func (v *viewer) reloaded(ctx context.Context) bool {
	for last := ""; ; {
		for _, m := range v.queue {
			if msg, err := delta.Decode(m.Data); err == nil {
				last = msg.Type
			}
		}
		batch, err := v.sub.Next(ctx)
		if err != nil {
			return errors.Is(err, broadcast.ErrClosed) && last == delta.TypeReload
		}
		v.queue = batch.Messages
	}
}

// TestAHiddenKeyIsAKey holds that rows keep their keys on a page that does not
// show the columns that make them.
func TestAHiddenKeyIsAKey(t *testing.T) {
	b := start(t, `CREATE TABLE o (id int PRIMARY KEY, a text, b text); INSERT INTO o VALUES (1, 'x', 'big'), (2, 'x', 'big')`)
	rows := panel("rows", `SELECT a, id FROM o ORDER BY id`)
	rows.Key, rows.Hidden = []string{"id"}, 1
	v := b.view(page("/t/public.o?columns=a", rows))
	v.until("two rows", func() bool { return v.cell("rows", 1, 0) == "x" })
	p := v.state.Panels["rows"]
	if len(p.Columns) != 1 || len(p.Rows[0].Cells) != 1 || p.Rows[0].Key != `["1"]` || p.Rows[1].Key != `["2"]` {
		t.Fatalf("%+v", p)
	}
	frames := v.frames
	b.exec("UPDATE o SET a = 'y' WHERE id = 2")
	v.until("the change", func() bool { return v.cell("rows", 1, 0) == "y" })
	if v.frames != frames+1 || !strings.HasPrefix(v.state.Panels["rows"].Rows[1].Key, `["2"]`) {
		t.Errorf("%d frames, %+v", v.frames-frames, v.state.Panels["rows"])
	}
}

// A table without a bell that another one replaces under its name is read again: a
// page that knew of no table any more, and so of none without a bell, was called
// live as long as nothing rang.
func TestATableIsReplacedUnderItsName(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Timed, c.Safety, c.Next = time.Hour, time.Hour, 200*time.Millisecond })
	b.exec("CREATE TABLE quiet (v int); INSERT INTO quiet VALUES (1)")
	v := b.view(page("/d/x", panel("q", "SELECT v FROM quiet")))
	v.until("timed", func() bool { return v.is("timed") && v.cell("q", 0, 0) == "1" })
	v.until("that nothing has it read", func() bool { return time.Since(v.told().At) > 1500*time.Millisecond })
	b.exec("CREATE TABLE next (v int); INSERT INTO next VALUES (2); DROP TABLE quiet; ALTER TABLE next RENAME TO quiet")
	v.until("the other table", func() bool {
		if v.is("live") && v.cell("q", 0, 0) != "2" {
			t.Fatal("live, and it shows what is not there")
		}
		return v.cell("q", 0, 0) == "2"
	})
	b.watch()
	v.until("live with its bell", func() bool { return v.is("live") })
	b.exec("UPDATE quiet SET v = 3")
	v.until("what rang", func() bool { return v.cell("q", 0, 0) == "3" })
}
