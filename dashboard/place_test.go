package dashboard_test

import (
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// PostgreSQL counts in what it was sent; people look at what they wrote.
func TestPlaceIsThatOfTheTextAsWritten(t *testing.T) {
	b := open(t, nil, map[string]string{"x.yaml": `
variables: [{name: customer, default: 'é'}]
panels:
  - id: one
    query: |
      SELECT 'é', @customer,
        chanel FROM orders
`})
	p := page(t, b, "/d/x").Panels[0]
	if want := "SELECT 'é', $1,\n  chanel FROM orders"; p.SQL != want {
		t.Fatalf("bound to %q", p.SQL)
	}
	for position, want := range map[int]struct {
		at  int
		pos dashboard.Pos
	}{
		8:  {8, dashboard.Pos{File: "x.yaml", Line: 6, Column: 14}},
		13: {13, dashboard.Pos{File: "x.yaml", Line: 6, Column: 19}}, // the variable
		19: {26, dashboard.Pos{File: "x.yaml", Line: 7, Column: 9}},
	} {
		if at, pos := p.Place(position); at != want.at || pos != want.pos {
			t.Errorf("position %d: %d %v, want %d %v", position, at, pos, want.at, want.pos)
		}
	}
	if at, pos := (&dashboard.Panel{SQL: "SELECT 1", Source: "SELECT 1"}).Place(8); at != 8 || pos != (dashboard.Pos{}) {
		t.Errorf("in a table page's query: %d %v", at, pos)
	}
}

// What a panel's fields name stands where they name it, else where its query is.
func TestPlaceOfAField(t *testing.T) {
	b := open(t, nil, map[string]string{"x.yaml": `panels:
  - id: one
    type: gauge
    query: SELECT 1 AS n
    max: nope
`})
	p := page(t, b, "/d/x").Panels[0]
	for field, want := range map[string]dashboard.Pos{"max": {File: "x.yaml", Line: 5, Column: 10}, "": {File: "x.yaml", Line: 4, Column: 12}, "y": {File: "x.yaml", Line: 4, Column: 12}} {
		if at := p.PlaceOf(field, "nope"); at != want {
			t.Errorf("%q: %v, want %v", field, at, want)
		}
	}
}
