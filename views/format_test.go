package views_test

import (
	stdcmp "cmp"
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
		Enum                    []string
		Text, Dim, Title, Class string
		Glyph, Time, Href       string
		Null, Blank, Tree       bool
	}
	Columns []struct {
		Note   string
		Raw    bool
		Fields []struct {
			Name, Type, Head, Class, As string
			Format                      views.Format
			Enum                        []string
		}
	}
	Deals []struct {
		Labels []string
		Colors map[string]string
	}
	Bars []struct {
		Note, Type string
		Bar        views.Bar
		Thresholds []views.Threshold
		Values     []*string
		Bars       [][3]string
	}
	Links []struct {
		Link, Name, Href string
		ID               *string
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
	if len(g.Cases) < 40 || len(g.Columns) < 5 || len(g.Deals) == 0 || len(g.Bars) == 0 || len(g.Links) == 0 {
		t.Fatalf("only %d cells and %d results", len(g.Cases), len(g.Columns))
	}
	return g
}

func TestCells(t *testing.T) {
	g := readGolden(t)
	for _, c := range g.Cases {
		t.Run(c.Note, func(t *testing.T) {
			column := views.Describe([]views.Field{{Name: c.Name, Type: c.Type, Format: c.Format, Enum: c.Enum}}, c.Raw)[0]
			value := ""
			if c.Value != nil {
				value = *c.Value
			}
			want := views.Cell{Text: c.Text, Dim: c.Dim, Title: c.Title, Class: c.Class, Glyph: c.Glyph, Time: c.Time, Null: c.Null, Href: c.Href, Blank: c.Blank, Tree: c.Tree}
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
				fields = append(fields, views.Field{Name: f.Name, Type: f.Type, Format: f.Format, Enum: f.Enum})
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
	p := views.Panel{Columns: columns, Unit: "EUR", Rows: []views.Row{{Key: "[]", Cells: cells}}}
	p.DrawStat(nil, nil)
	if got := p.Stat; got.Whole != "7,268" || got.Fraction != ".65" || got.Unit != "EUR" || got.Note != "1,166 orders, Ink" {
		t.Errorf("%+v", got)
	}
	p.Rows = nil
	p.DrawStat(nil, nil)
	if none := p.Stat; none.Whole != "–" || none.Note != "no rows" {
		t.Errorf("no rows: %+v", none)
	}
}

func TestDeal(t *testing.T) {
	for _, d := range readGolden(t).Deals {
		if diff := cmp.Diff(d.Colors, views.Deal(d.Labels)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestBars(t *testing.T) {
	for _, b := range readGolden(t).Bars {
		t.Run(b.Note, func(t *testing.T) {
			columns := views.Describe([]views.Field{{Name: "n", Type: stdcmp.Or(b.Type, "float8"), Format: views.Format{Bar: &b.Bar, Thresholds: b.Thresholds}}}, false)
			var rows []views.Row
			for _, v := range b.Values {
				rows = append(rows, views.Row{Cells: []views.Cell{cellOf(columns[0], v)}})
			}
			views.Complete(columns, rows)
			var got [][3]string
			for _, r := range rows {
				got = append(got, [3]string{r.Cells[0].Bar.At, r.Cells[0].Bar.Size, r.Cells[0].Bar.Hue})
			}
			if diff := cmp.Diff(b.Bars, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	for _, l := range readGolden(t).Links {
		columns := views.Describe([]views.Field{{Name: "id", Type: "text", Format: views.Format{Link: l.Link}}, {Name: "name", Type: "text"}}, false)
		rows := []views.Row{{Cells: []views.Cell{cellOf(columns[0], l.ID), cellOf(columns[1], &l.Name)}}}
		views.Complete(columns, rows)
		if got := rows[0].Cells[0].Href; got != l.Href {
			t.Errorf("%s leads to %q, want %q", l.Link, got, l.Href)
		}
	}
}

func cellOf(c views.Column, value *string) views.Cell {
	if value == nil {
		return c.Cell("", true, now)
	}
	return c.Cell(*value, false, now)
}
