package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// A database that is new has no tables yet, which is no trouble; a name that is not
// there is.
func TestTablesThatHaveNotCome(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const trouble, awaited = "some tables have no doorbell", "no table is there yet for some patterns"
	for _, c := range []struct{ watch, want string }{
		{"*.*", awaited},
		{"*.*,shop.*", awaited},
		{"*.*,shop.orders", trouble},
		{"*.*,shop.", trouble}, // no name at all
	} {
		s := serve(t, db.URL, "--watch", c.watch)
		for _, text := range []string{trouble, awaited} {
			if strings.Contains(s.log.String(), text) != (text == c.want) {
				t.Errorf("--watch %s: %q is said, or not:\n%s", c.watch, text, s.log)
			}
		}
		s.stop()
		<-s.done
		s.done = nil
	}
}

// A table that is made while the server runs rings soon after.
func TestATableThatIsNewGetsItsBell(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := serve(t, db.URL, "--watch", "*.*")
	db.Script(t, `CREATE TABLE later (id int PRIMARY KEY, word text)`)
	began := time.Now()
	hear := events(t, s, "/t/public.later")
	hear(`"state":"live"`)
	t.Logf("live after %v", time.Since(began))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a new table's page was live after %v", took)
	}
	db.Exec(t, `INSERT INTO later VALUES (1, 'rung')`)
	hear("rung")

	// One more, while a page is open.
	db.Script(t, `CREATE TABLE last (id int PRIMARY KEY, word text)`)
	began = time.Now()
	events(t, s, "/t/public.last")(`"state":"live"`)
	t.Logf("live after %v", time.Since(began))
	if took := time.Since(began); took > newEvery+5*time.Second {
		t.Errorf("another new table's page was live after %v", took)
	}
}
