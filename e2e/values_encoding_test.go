package e2e_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// One value that PostgreSQL cannot write in UTF-8 is its panel's error, on a
// dashboard and on the table's own page, and no more: the socket that was open goes
// on, the panel beside it follows, and the rows are back when the value is gone.
func TestAValueThatCannotBeEncodedEndsNoStream(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	name := db.Name + "_bytes"
	db.Exec(t, `CREATE DATABASE `+name+` ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
	t.Cleanup(func() { db.Exec(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
	database := db.Server.DatabaseURL(name)
	conn := pgtest.Connect(t, database)
	script(t, conn, `CREATE TABLE words (id int PRIMARY KEY, word text); INSERT INTO words VALUES (1, 'one'), (2, E'\xc3\xa9')`)
	dir := dashboards(t, map[string]string{"words.yaml": yaml("Words",
		question{id: "words", query: `SELECT id, word FROM words ORDER BY id`}, question{id: "count", query: `SELECT count(*) FROM words`})})
	server := start(t, binary(t), nil, "serve", "--database-url", database, "--listen", "127.0.0.1:0", "--watch", "public.*", "--dashboards", dir)

	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer leave()
	views := map[string]*viewer{"/d/words": newViewer(server.URL, "/d/words"), "/t/public.words": newViewer(server.URL, "/t/public.words")}
	for page, v := range views {
		all.Go(func() {
			if err := v.visit(ctx, "", nil); ctx.Err() == nil || errors.As(err, new(violation)) {
				t.Errorf("%s: the stream ended: %v", page, err)
			}
		})
	}
	seen := func(what string, count string, words func(p *delta.Panel) bool) {
		t.Helper()
		limited, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		for page, v := range views {
			err := v.until(limited, func(screen *delta.State, status *delta.Status) bool {
				p := screen.Panels["words"]
				if p == nil {
					p = screen.Panels["rows"]
				}
				beside := screen.Panels["count"]
				return status.State == "live" && p != nil && words(p) && (beside == nil || beside.Err == nil && beside.Rows[0].Cells[0].Text == count)
			})
			if err != nil {
				screen, status, _ := v.now()
				t.Fatalf("%s does not show %s: %+v %.500s", page, what, status, delta.EncodeSnapshot(screen))
			}
		}
	}
	rows := func(n int) func(*delta.Panel) bool {
		return func(p *delta.Panel) bool { return p.Err == nil && len(p.Rows) == n }
	}
	seen("two rows", "2", rows(2))
	script(t, conn, `INSERT INTO words VALUES (3, E'\xff')`)
	seen("an error beside the count", "3", func(p *delta.Panel) bool { return p.Err != nil && p.Err.Code == "query_failed" && len(p.Rows) == 2 })
	script(t, conn, `INSERT INTO words VALUES (4, 'four')`)
	seen("the next count", "4", func(p *delta.Panel) bool { return p.Err != nil })
	script(t, conn, `UPDATE words SET word = 'three' WHERE id = 3`)
	seen("four rows", "4", rows(4))
}
