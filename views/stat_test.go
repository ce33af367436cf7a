package views_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rowcast/rowcast/views"
)

type goldenResult struct {
	Fields []struct {
		Name, Type string
		Format     views.Format
	}
	Rows [][]*string
}

func (g *goldenResult) result() *views.Result {
	if g == nil {
		return nil
	}
	var fields []views.Field
	for _, f := range g.Fields {
		fields = append(fields, views.Field{Name: f.Name, Type: f.Type, Format: f.Format})
	}
	r := &views.Result{Columns: views.Describe(fields, false)}
	for _, values := range g.Rows {
		var row views.Row
		for i, v := range values {
			row.Cells = append(row.Cells, cellOf(r.Columns[i], v))
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

// TestStats holds stats to testdata/stat.json, as the browser's code is.
func TestStats(t *testing.T) {
	data, err := os.ReadFile("testdata/stat.json")
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Whole, Fraction, Unit, Note, Title, Level, Limit, Size string
		Null                                                   bool
		Change                                                 *views.Change
		Trend                                                  *views.Trend
	}
	var golden struct {
		Cases []struct {
			goldenResult
			Note, Unit     string
			Options        views.StatOptions
			Earlier, Spark *goldenResult
			Stat           shown
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 20 {
		t.Fatalf("only %d stats", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		t.Run(c.Note, func(t *testing.T) {
			r := c.result()
			p := views.Panel{Type: "stat", Columns: r.Columns, Rows: r.Rows, Unit: c.Unit, StatOptions: &c.Options}
			p.DrawStat(c.Earlier.result(), c.Spark.result())
			s := p.Stat
			got := shown{s.Whole, s.Fraction, s.Unit, s.Note, s.Title, s.Level, s.Limit, s.Size, s.Null, s.Change, s.Trend}
			if d := cmp.Diff(c.Stat, got); d != "" {
				t.Error(d)
			}
		})
	}
}
