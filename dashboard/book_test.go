package dashboard_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// bookOf opens a book of files that are given as name, text, name, text, ….
func bookOf(t testing.TB, cfg dashboard.Config, files ...string) *dashboard.Book {
	t.Helper()
	byName := map[string]string{}
	for i := 0; i < len(files); i += 2 {
		byName[files[i]] = files[i+1]
	}
	cfg.Source = source(byName)
	b, err := dashboard.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return b
}

// page asks for a page that has to be there.
func page(t testing.TB, b *dashboard.Book, address string) *dashboard.Page {
	t.Helper()
	p, err := b.Page(t.Context(), address)
	if err != nil {
		t.Fatalf("page %s: %v", address, err)
	}
	return p
}

// refused asks for a page that must not be there, and answers why.
func refused(t testing.TB, b *dashboard.Book, address string) *dashboard.AddressError {
	t.Helper()
	p, err := b.Page(context.Background(), address)
	if err == nil {
		t.Fatalf("page %q: got %s, want an error", address, p.Address)
	}
	var refusal *dashboard.AddressError
	if !errors.As(err, &refusal) {
		t.Fatalf("page %q: the error is a %T, want an AddressError: %v", address, err, err)
	}
	return refusal
}

// marked takes the mark ▸ out of a text, and says at which line and column it
// stood; 0 and 0 without a mark.
func marked(text string) (without string, line, column int) {
	before, after, found := strings.Cut(text, "▸")
	if !found {
		return text, 0, 0
	}
	line = 1 + strings.Count(before, "\n")
	column = 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	return before + after, line, column
}

// The index names the panels that can be gone to: not what a stat has beside its
// number.
func TestTheIndexNamesPanels(t *testing.T) {
	b := bookOf(t, dashboard.Config{}, "shop.yaml", `title: Shop
panels:
  - id: revenue
    title: Revenue today
    type: stat
    query: SELECT 1 AS n
    sparkline: SELECT 1 AS x, 2 AS n
  - id: orders
    title: Orders
    query: SELECT 2 AS n
  - id: words
    type: text
    content: Words.
`)
	x, err := b.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []dashboard.PanelEntry{{ID: "revenue", Title: "Revenue today"}, {ID: "orders", Title: "Orders"}, {ID: "words", Title: "words"}}
	if len(x.Dashboards) != 1 || !slices.Equal(x.Dashboards[0].Panels, want) {
		t.Errorf("got %+v", x.Dashboards)
	}
}
