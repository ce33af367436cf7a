package dashboard

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/node"
)

// TestBrowserWritesAddressesAsWeDo draws what a table's address may ask for and
// holds what the browser's code reads from it and writes again against the
// canonical address. ROWCAST_CASES draws more; ROWCAST_SEED repeats them.
func TestBrowserWritesAddressesAsWeDo(t *testing.T) {
	t.Parallel()
	n, number := rand.Uint64(), 1000
	var err error
	if text := os.Getenv("ROWCAST_SEED"); text != "" {
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("ROWCAST_SEED: %v", err)
		}
	}
	if text := os.Getenv("ROWCAST_CASES"); text != "" {
		if number, err = strconv.Atoi(text); err != nil {
			t.Fatalf("ROWCAST_CASES: %v", err)
		}
	}
	t.Logf("ROWCAST_SEED=%d", n)
	r := rand.New(rand.NewPCG(n, 23))
	var addresses []string
	for len(addresses) < number {
		q := tableQuery{page: 1}
		for range r.IntN(3) {
			q.sort = append(q.sort, SortTerm{drawnName(r), r.IntN(2) == 0})
		}
		for range r.IntN(4) {
			f := Filter{Column: drawnName(r), Op: operators[r.IntN(len(operators))]}
			switch {
			case f.Op == opIn:
				items := []string{drawnText(r), drawnText(r)}
				for i := range items {
					if strings.ContainsAny(items[i], `,"`) {
						items[i] = quote(items[i])
					}
				}
				f.Value = strings.Join(items, ",")
			case takesValue(f.Op):
				f.Value = drawnText(r)
			}
			q.where = append(q.where, f)
		}
		if r.IntN(3) == 0 {
			q.search = strings.TrimSpace(drawnText(r))
		}
		for range r.IntN(3) {
			q.columns = append(q.columns, drawnName(r))
		}
		if r.IntN(3) == 0 {
			q.rows = pageSizes[r.IntN(len(pageSizes))]
		}
		if r.IntN(3) == 0 {
			q.page = 1 + r.IntN(9)
		}
		address := asked(address{schema: drawnName(r), table: drawnName(r)}, q).address()
		a, err := parseAddress(address)
		if err != nil {
			continue // too long, or a name that PostgreSQL cannot have
		}
		read, err := parseTableQuery(a)
		if err != nil {
			t.Fatalf("%q of %+v: %v", address, q, err)
		}
		if again := asked(a, read).address(); again == address || slices.Equal(read.columns, q.columns) && slices.Equal(read.sort, q.sort) {
			addresses = append(addresses, again)
		}
	}
	var got []string
	err = node.Run("address", addresses, &got)
	if errors.Is(err, node.ErrNotFound) && os.Getenv("ROWCAST_REQUIRE_ALL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, address := range addresses {
		if got[i] != address && wrong < 10 {
			wrong++
			t.Errorf("the browser writes %q\nfor what is      %q", got[i], address)
		}
	}
}

// drawnName is a column's name as people and programs give them.
func drawnName(r *rand.Rand) string {
	for {
		if s := drawnText(r); s != "" {
			return s
		}
	}
}

func drawnText(r *rand.Rand) string {
	pieces := []string{"", "id", "a.b", "a,b", `"`, `""`, "-x", "-", ".", ",", " ", "é", "🦀", "%", "%2C", "+", "&", "=", "#", "?", "/", "'", "(", ")", "*", "!", "~", "\\", "\n", "\u2028", "null", "has", "0", "1e400"}
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}
