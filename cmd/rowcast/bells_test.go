package main

import (
	"strings"
	"testing"

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
