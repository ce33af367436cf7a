package views_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowcast/rowcast/views"
)

// golden is testdata/format.json, which the browser's code is held to as well.
type golden struct {
	Now   time.Time
	Cases []struct {
		Note, Name, Type        string
		Raw                     bool
		Format                  views.Format
		Value                   *string
		Text, Dim, Title, Class string
		Glyph, Time             string
		Null                    bool
	}
	Columns []struct {
		Note   string
		Raw    bool
		Fields []struct {
			Name, Type, Head, Class, As string
			Format                      views.Format
		}
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/format.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Cases) < 40 || len(g.Columns) < 5 {
		t.Fatalf("only %d cells and %d results", len(g.Cases), len(g.Columns))
	}
	return g
}

func TestCells(t *testing.T) {
	g := readGolden(t)
	for _, c := range g.Cases {
		t.Run(c.Note, func(t *testing.T) {
			column := views.Describe([]views.Field{{Name: c.Name, Type: c.Type, Format: c.Format}}, c.Raw)[0]
			value := ""
			if c.Value != nil {
				value = *c.Value
			}
			want := views.Cell{Text: c.Text, Dim: c.Dim, Title: c.Title, Class: c.Class, Glyph: c.Glyph, Time: c.Time, Null: c.Null}
			if !c.Null && value != c.Text {
				want.Raw = value
			}
			if d := cmp.Diff(want, column.Cell(value, c.Value == nil, g.Now)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	for _, r := range readGolden(t).Columns {
		t.Run(r.Note, func(t *testing.T) {
			var fields []views.Field
			for _, f := range r.Fields {
				fields = append(fields, views.Field{Name: f.Name, Type: f.Type, Format: f.Format})
			}
			for i, c := range views.Describe(fields, r.Raw) {
				f := r.Fields[i]
				if c.Head != f.Head || c.Class != f.Class || c.As != f.As {
					t.Errorf("%s: head %q class %q as %q, want %q %q %q", f.Name, c.Head, c.Class, c.As, f.Head, f.Class, f.As)
				}
			}
		})
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n         int64
		estimated bool
		want      string
	}{{-1, true, ""}, {0, false, "0"}, {1284, false, "1,284"}, {1284, true, "~1,284"}, {184_902, true, "~185 k"}, {999_499, true, "~999 k"}, {999_500, true, "~1.0 M"}, {2_104_880, true, "~2.1 M"}, {6_318_204_000, true, "~6.3 G"}} {
		if got := views.Count(c.n, c.estimated); got != c.want {
			t.Errorf("Count(%d, %v) = %q, want %q", c.n, c.estimated, got, c.want)
		}
	}
}

func TestStat(t *testing.T) {
	fields := []views.Field{{Name: "revenue", Type: "numeric"}, {Name: "orders", Type: "int8"}, {Name: "best", Type: "text"}}
	columns := views.Describe(fields, false)
	cells := []views.Cell{columns[0].Cell("7268.65", false, now), columns[1].Cell("1166", false, now), columns[2].Cell("Ink", false, now)}
	got := views.NewStat(columns, []views.Row{{Key: "[]", Cells: cells}}, "EUR")
	if got.Whole != "7,268" || got.Fraction != ".65" || got.Unit != "EUR" || got.Note != "1,166 orders, Ink" {
		t.Errorf("%+v", got)
	}
	if none := views.NewStat(columns, nil, "EUR"); none.Whole != "–" || none.Note != "no rows" {
		t.Errorf("no rows: %+v", none)
	}
}
