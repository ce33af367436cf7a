package dashboard_test

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/dashboard"
)

// typedFile has a variable of each type, and uses each.
const typedFile = `title: Typed
variables:
  - {name: q}
  - {name: n, type: number, default: 1}
  - {name: whole, type: integer, default: 1}
  - {name: day, type: date, default: 2026-11-20}
  - {name: range, type: range}
  - {name: some, multiple: true, options: [a, "b,c", "d'e"]}
panels:
  - id: all
    query: |
      SELECT @q::text AS q, @n AS n, @whole AS whole, @day AS day, @range_from AS begins, @range_to AS ends, @some AS some
      FROM things WHERE t = @q OR num > @n OR id = @whole OR d = @day OR tz >= @range_from AND tz < @range_to OR t = ANY (@some)
`

// TestAddressesOfAnything draws filters on columns of all types, and values of
// variables of all types. Whatever is asked for is a page that can be read and
// whose address stays as it is, or a refusal in words; the query never depends on
// a value. ROWCAST_CASES draws more; ROWCAST_SEED repeats them.
func TestAddressesOfAnything(t *testing.T) {
	t.Parallel()
	n, cases := rand.Uint64(), 150
	var err error
	if text := os.Getenv("ROWCAST_SEED"); text != "" {
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("ROWCAST_SEED: %v", err)
		}
	}
	if text := os.Getenv("ROWCAST_CASES"); text != "" {
		if cases, err = strconv.Atoi(text); err != nil {
			t.Fatalf("ROWCAST_CASES: %v", err)
		}
	}
	t.Logf("ROWCAST_SEED=%d", n)
	r := rand.New(rand.NewPCG(n, 24))
	db := database(t, things)
	b := open(t, db, map[string]string{"typed.yaml": typedFile})
	columns := page(t, b, "/t/public.things").Table.Columns
	queries, pages := map[string]string{}, 0
	for range cases {
		shape, address := "typed", "/d/typed?"
		if r.IntN(4) > 0 {
			c := columns[r.IntN(len(columns))]
			op := c.Operators[r.IntN(len(c.Operators))]
			shape, address = c.Name+"."+op, "/t/public.things?where="+c.Name+"."+op
			if op != "null" && op != "notnull" {
				address += "." + url.QueryEscape(anyValue(r))
			}
			if op == "in" {
				shape = "" // as long as the list
			}
		} else {
			for _, name := range []string{"q", "n", "whole", "day", "range", "some"} {
				if r.IntN(4) == 0 {
					address += "&" + name + "=" + url.QueryEscape(anyValue(r))
				}
			}
			if strings.Contains(address, "range=") {
				shape = "" // its two ends are of several kinds
			}
		}
		p, err := b.Page(t.Context(), address)
		var refusal *dashboard.AddressError
		if errors.As(err, &refusal) && refusal.Code == "bad_request" && refusal.Message != "" {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		pages++
		if again, err := b.Page(t.Context(), p.Address); err != nil || again.Address != p.Address {
			t.Errorf("%s is %s, and that is %v: %v", address, p.Address, again, err)
		}
		for i := range p.Panels {
			panel := &p.Panels[i]
			_, err := run(t.Context(), db, panel, "id")
			var pg *pgconn.PgError
			if errors.As(err, &pg) && strings.HasPrefix(shape, "j.contains") {
				continue // what json may hold is not always a jsonb
			}
			if err != nil {
				t.Errorf("%s: %v\n%s", address, err, panel.SQL)
			}
			if was, ok := queries[shape+panel.ID]; ok && shape != "" && was != panel.SQL {
				t.Errorf("%s: the query is\n%s\nand was\n%s", address, panel.SQL, was)
			}
			queries[shape+panel.ID] = panel.SQL
		}
	}
	t.Logf("%d addresses, %d pages", cases, pages)
	if pages < cases/10 {
		t.Errorf("only %d of %d addresses have a page", pages, cases)
	}
}

// anyValue is what fits some type, or none.
func anyValue(r *rand.Rand) string {
	fitting := []string{"1", "-1", "007", "9223372036854775807", "9223372036854775808", "1e400", "-1.5e-400", "NaN", "Infinity", "0x10", "1_000", "١", "", " ",
		"t", "maybe", "sad", "so, so", `"so, so",sad`, "6f1c2d3e-0000-4000-8000-000000000001", "2026-11-20", "2026-02-30", "0044-03-15 BC", "294277-01-01", "infinity", "now", "tomorrow",
		"2026-11-20 10:00", "2026-11-20T10:00..2026-11-21", "last-15m", "last-99999d", "24:00:00", "2 hours", "1 year 2 mons", "15m", "1000y", "10.0.0.1", "::1/129", "[1,5)", "(,)", "empty", `\xff`, `\x`, "<a/>", "<a",
		`{"a":1}`, `{"a":1e999999}`, `"\ud800"`, `[[[[`, "{a,b}", "{", "(1,2)", "(1,", "a", "b,c", "d'e"}
	hostile := []string{"'", `"`, "\\", ";", "--", "/*", "$1", "$$", "%", "_", "%s", "'; DROP TABLE things; --", "\u202e", "\u2028", "🦀", "é", "\x01", "\x00", "\xff", "\n", ",", ".", "&", "=", "+", "#", strings.Repeat("x", 300)}
	switch r.IntN(4) {
	case 0:
		return hostile[r.IntN(len(hostile))] + hostile[r.IntN(len(hostile))]
	case 1:
		return fitting[r.IntN(len(fitting))] + hostile[r.IntN(len(hostile))]
	case 2:
		return strings.Join(slices.Repeat([]string{fitting[r.IntN(len(fitting))]}, 1+r.IntN(3)), ",")
	}
	return fitting[r.IntN(len(fitting))]
}
